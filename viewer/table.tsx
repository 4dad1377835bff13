/** A table of inputs that holds only the rows in sight, so it may have any number of rows. */
import type { ComponentChildren } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { statusText } from "./kinds.ts"
import type { Column, Entry, Sort } from "./rows.ts"
import { count, duration } from "./text.ts"

export interface TableColumn<A> {
  /** Column by which the table is sorted when a reader clicks the title. */
  readonly column: Column
  readonly title: string
  readonly cell: (entry: A) => ComponentChildren
}

interface TableProps<A extends Entry> {
  readonly caption: string
  readonly columns: ReadonlyArray<TableColumn<A>>
  readonly entries: ReadonlyArray<A>
  /** Places of the entries that are shown, in order. */
  readonly order: Uint32Array
  readonly sort: Sort
  readonly onSort: (sort: Sort) => void
  readonly onOpen: (place: number) => void
}

/** Height of a row in pixels, as in the style sheet. */
const rowHeight = 32

/** Greatest height of the rows in sight. */
const mostHeight = 15 * rowHeight

/** Number of rows beyond the visible ones that are rendered. */
const beyond = 8

/** The columns of all tables of inputs. */
export const columnsOf = <A extends Entry>(worker: (entry: A) => string): ReadonlyArray<TableColumn<A>> => [
  { column: "index", title: "#", cell: ({ index }) => count(index) },
  { column: "input", title: "input", cell: ({ input }) => input },
  { column: "status", title: "status", cell: (entry) => <StatusText entry={entry} /> },
  { column: "elapsed", title: "took", cell: ({ elapsed }) => duration(elapsed) },
  { column: "startedAt", title: "started", cell: ({ startedAt }) => duration(startedAt) },
  { column: "attempts", title: "attempts", cell: ({ attempts }) => count(attempts) },
  { column: "worker", title: "worker", cell: (entry) => entry.attempts === 0 ? "–" : worker(entry) },
  { column: "message", title: "message", cell: ({ error }) => error?.message ?? "" }
]

export const StatusText = ({ entry }: { readonly entry: Entry }) => {
  const [mark, word] = statusText(entry)
  return <span class={`status ${entry._tag === "Failure" ? "is-failed" : ""}`}>{mark} {word}</span>
}

export const Table = <A extends Entry>({ caption, columns, entries, onOpen, onSort, order, sort }: TableProps<A>) => {
  const scroller = useRef<HTMLDivElement>(null)
  const body = useRef<HTMLTableSectionElement>(null)
  const [top, setTop] = useState(0)
  const [current, setCurrent] = useState(0)
  const focusing = useRef(false)
  useEffect(() => {
    scroller.current!.scrollTop = 0
    setTop(0)
    setCurrent(0)
  }, [sort.column, sort.descending])
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight), order.length - 1) - beyond)
  const last = Math.min(order.length, first + mostHeight / rowHeight + 2 * beyond)
  const stop = current >= first && current < last ? current : first
  useLayoutEffect(() => {
    if (!focusing.current) return
    focusing.current = false
    body.current?.querySelector<HTMLElement>(`[aria-rowindex="${current + 2}"]`)?.focus({ preventScroll: true })
  })
  const move = (to: number) => {
    const next = Math.max(0, Math.min(order.length - 1, to))
    const box = scroller.current!
    const head = box.querySelector("thead")!.offsetHeight
    const visible = box.clientHeight - head
    if (next * rowHeight < box.scrollTop) box.scrollTop = next * rowHeight
    else if ((next + 1) * rowHeight > box.scrollTop + visible) box.scrollTop = (next + 1) * rowHeight - visible
    focusing.current = true
    setTop(box.scrollTop)
    setCurrent(next)
  }
  const keys = (event: KeyboardEvent, row: number) => {
    const page = Math.max(1, Math.floor(mostHeight / rowHeight) - 1)
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: row + 1,
      ArrowUp: row - 1,
      PageDown: row + page,
      PageUp: row - page,
      Home: 0,
      End: order.length - 1
    }
    const to = moves[event.key]
    if (to !== undefined) move(to)
    else if (event.key === "Enter" || event.key === " ") onOpen(order[row]!)
    else return
    event.preventDefault()
  }
  const rows = Array.from(order.subarray(first, last), (place, i) => {
    const row = first + i
    const entry = entries[place]!
    return (
      <tr
        key={row}
        aria-rowindex={row + 2}
        tabIndex={row === stop ? 0 : -1}
        onClick={() => {
          setCurrent(row)
          onOpen(place)
        }}
        onFocus={() => setCurrent(row)}
        onKeyDown={(event) => keys(event, row)}
      >
        {columns.map(({ cell, column }) => <td key={column} class={column}>{cell(entry)}</td>)}
      </tr>
    )
  })
  return (
    <div
      class="rows"
      ref={scroller}
      style={{ maxHeight: `${mostHeight + rowHeight + 8}px` }}
      onScroll={({ currentTarget }) => setTop(currentTarget.scrollTop)}
    >
      <table role="grid" aria-rowcount={order.length + 1} aria-colcount={columns.length}>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => <Head key={column.column} column={column} sort={sort} onSort={onSort} />)}
          </tr>
        </thead>
        <tbody ref={body}>
          <Space rows={first} />
          {rows}
          <Space rows={order.length - last} />
        </tbody>
      </table>
    </div>
  )
}

interface HeadProps {
  readonly column: { readonly column: Column; readonly title: string }
  readonly sort: Sort
  readonly onSort: (sort: Sort) => void
}

const Head = ({ column: { column, title }, onSort, sort }: HeadProps) => {
  const sorted = sort.column === column
  const direction = sort.descending ? "descending" : "ascending"
  return (
    <th class={column} scope="col" aria-sort={sorted ? direction : "none"}>
      <button type="button" onClick={() => onSort({ column, descending: sorted && !sort.descending })}>
        {title}
        <span aria-hidden="true">{sorted ? sort.descending ? " ▾" : " ▴" : ""}</span>
      </button>
    </th>
  )
}

/** Takes the place of rows that are out of sight. */
const Space = ({ rows }: { readonly rows: number }) =>
  rows > 0
    ? (
      <tr class="space" aria-hidden="true">
        <td style={{ height: `${rows * rowHeight}px` }} />
      </tr>
    )
    : null
