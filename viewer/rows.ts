/** The rows of a table of inputs: selects and sorts them. */
import { isWithin, type Outcome, type Zoom } from "./model.ts"

/** An outcome as a table shows it. */
export type Entry = Pick<
  Outcome,
  "_tag" | "index" | "input" | "attempts" | "startedAt" | "elapsed" | "worker" | "error" | "recorded"
>

/** The column by which a table is sorted. `place` is the order in which outcomes are given. */
export type Column =
  | "place"
  | "index"
  | "status"
  | "input"
  | "elapsed"
  | "startedAt"
  | "attempts"
  | "worker"
  | "message"

export interface Sort {
  readonly column: Column
  readonly descending: boolean
}

export type Status = "succeeded" | "retried" | "recalled" | "failed"

export interface Filter {
  readonly text: string
  readonly status: Status | "all"
  readonly worker: number | undefined
  readonly zoom: Zoom
}

/** Returns the status of an outcome in one word. `retried` is a success after more than one attempt. */
export const statusOf = ({ _tag, attempts, recorded }: Entry): Status => {
  if (_tag === "Failure") return "failed"
  if (recorded !== undefined) return "recalled"
  return attempts > 1 ? "retried" : "succeeded"
}

const ranks: Readonly<Record<Status, number>> = { failed: 0, retried: 1, recalled: 2, succeeded: 3 }

/** Sorts and filters outcomes. Its results are kept, so each column is sorted only once. */
export class Rows<A extends Entry> {
  readonly entries: ReadonlyArray<A>
  private readonly orders = new Map<Column, Uint32Array>()
  private texts: ReadonlyArray<string> | undefined

  constructor(entries: ReadonlyArray<A>) {
    this.entries = entries
  }

  /** Returns the places of the outcomes that a filter leaves, in order. */
  visible({ column, descending }: Sort, { status, text, worker, zoom }: Filter): Uint32Array {
    const order = this.order(column)
    const wanted = text.trim().toLowerCase()
    const texts = wanted === "" ? [] : this.texts ??= this.entries.map(textOf)
    const found = new Uint32Array(order.length)
    let length = 0
    for (let i = 0; i < order.length; i++) {
      const place = order[descending ? order.length - 1 - i : i]!
      const entry = this.entries[place]!
      if (status !== "all" && !hasStatus(entry, status)) continue
      if (worker !== undefined && entry.worker !== worker) continue
      if (zoom !== undefined && !isWithin(entry, zoom)) continue
      if (wanted !== "" && !texts[place]!.includes(wanted)) continue
      found[length++] = place
    }
    return found.subarray(0, length)
  }

  /** Computes the slowest order in advance, when there is time for it. */
  prepare(): void {
    this.order("input")
  }

  private order(column: Column): Uint32Array {
    const known = this.orders.get(column)
    if (known !== undefined) return known
    const order = Uint32Array.from(this.entries, (_, place) => place)
    if (column === "input" || column === "message") {
      const keys = this.words(column)
      order.sort((a, b) => keys[a]! < keys[b]! ? -1 : keys[a]! > keys[b]! ? 1 : a - b)
    } else if (column !== "place") {
      const keys = this.numbers(column)
      order.sort((a, b) => keys[a]! - keys[b]! || a - b)
    }
    this.orders.set(column, order)
    return order
  }

  private numbers(column: Exclude<Column, "place" | "input" | "message">): Float64Array {
    return Float64Array.from(
      this.entries,
      column === "status" ? (entry) => ranks[statusOf(entry)] : (entry) => entry[column]
    )
  }

  /** Returns texts whose plain order is the order of a column. Inputs without a message come last. */
  private words(column: "input" | "message"): ReadonlyArray<string> {
    return this.entries.map(
      column === "input" ? ({ input }) => natural(input) : ({ error }) => error?.message ?? "\uffff"
    )
  }
}

const hasStatus = (entry: Entry, status: Status): boolean => {
  if (status === "retried") return entry.attempts > 1
  if (status === "recalled") return entry.recorded !== undefined
  return (entry._tag === "Failure") === (status === "failed")
}

const textOf = ({ error, index, input }: Entry): string =>
  `#${index} ${input}${error === undefined ? "" : `\n${error.message}`}`.toLowerCase()

/** Makes a text whose plain order is the natural order: before each number stands a character for its length. */
const natural = (text: string): string =>
  text.toLowerCase().replaceAll(
    /[0-9]+/g,
    (digits) => `${String.fromCharCode(48 + Math.min(9, digits.length))}${digits}`
  )
