/** Makes Markdown tables of results. Pure. */
import {
  checkFigure,
  type GroupResult,
  type Readings,
  type Result,
  spread,
  type StoredCheck,
  targetFigure,
  verdict,
  whole
} from "./results.ts"

/** Escapes text for a cell of a table: Markdown, HTML, and the braces that a site of Vue would run as code. */
export const escaped = (text: string): string =>
  text
    .replace(/\s+/g, " ")
    .replace(/[\\`*_[\]|~$#]/g, "\\$&")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/\{(?=\{)/g, "{<!-- -->")

/** Formats a table, without the columns in which every cell is empty. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const used = head.map((_, column) => rows.some((row) => row[column] !== ""))
  const line = (cells: ReadonlyArray<string>) =>
    `|${cells.filter((_, column) => used[column]).map((cell) => cell === "" ? " " : ` ${cell} `).join("|")}|`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

/** The name of a group, with what V8 was told. */
const groupName = ({ flags = [], name }: GroupResult): string => {
  const shown = flags.filter((flag) => !flag.startsWith("--conditions"))
  return escaped(name) + (shown.length === 0 ? "" : ` (\`${shown.join(" ")}\`)`)
}

/** Something that was measured for a number of inputs. */
interface Sized {
  readonly inputs?: number | undefined
}

/** Rows of a table, and the same thing for several numbers of inputs in one of them. */
const rowsOf = <A extends Sized>(
  all: ReadonlyArray<A>,
  nameOf: (each: A) => string
): ReadonlyArray<ReadonlyArray<A>> => {
  const rows: Array<Array<A>> = []
  for (const each of all) {
    const row = rows.find((row) =>
      nameOf(row[0]!) === nameOf(each) && row.every(({ inputs }) => inputs !== each.inputs)
    )
    if (row === undefined) rows.push([each])
    else row.push(each)
  }
  return rows
}

/** The numbers of inputs that get a column each; none if no row has several. */
const columnsOf = (rows: ReadonlyArray<ReadonlyArray<Sized>>): ReadonlyArray<number | undefined> => {
  if (rows.every(({ length }) => length === 1)) return []
  return [...new Set(rows.flat().map(({ inputs }) => inputs))].toSorted((a, b) => (a ?? -1) - (b ?? -1))
}

const columnName = (inputs: number | undefined): string => inputs === undefined ? "" : `${whole(inputs)} inputs`

/** Says something of each part of a row: once if it is the same for all. */
const saidOnce = <A extends Sized>(row: ReadonlyArray<A>, say: (each: A) => string): string => {
  const said = row.map(say)
  if (new Set(said).size === 1) return said[0]!
  return row.map(({ inputs = 0 }, n) => `${whole(inputs)}: ${said[n] === "" ? "none" : said[n]}`).join("; ")
}

const shownTarget = ({ target, unit }: StoredCheck): string =>
  target === undefined ? "" : `≤ ${targetFigure(target, unit)}`

/** Formats what came of a target; what is missed is seen. */
export const shownVerdict = ({ target, values }: StoredCheck): string => {
  const found = verdict(values, target)
  return found === "missed" ? "**missed**" : found ?? ""
}

/** Formats the cells of one row by columns. */
const cells = <A extends Sized>(
  columns: ReadonlyArray<number | undefined>,
  row: ReadonlyArray<A>,
  show: (each: A) => string
): ReadonlyArray<string> => {
  if (columns.length === 0) return [show(row[0]!)]
  return columns.map((column) => row.filter(({ inputs }) => inputs === column).map(show).join())
}

/** Drops the first cell of rows that need no name of a group. */
const withoutKind = (kind: string, rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> =>
  kind === "" ? rows.map((row) => row.slice(1)) : rows

/** Makes the table of all checks of a topic; `kind` says what its groups are, or is empty if their names say nothing. */
export const checksTable = ({ groups }: Result, kind: string): string => {
  const byGroup = groups.map((group) => ({
    group,
    rows: rowsOf(group.checks, ({ beside, case: name, unit }) => JSON.stringify([name, beside, unit]))
  }))
  const columns = columnsOf(byGroup.flatMap(({ rows }) => rows))
  const head = [kind, "case", "compared with", ...columns.length === 0 ? ["median"] : columns.map(columnName)]
  const rows = byGroup.flatMap(({ group, rows }) =>
    rows.map((row, n) => [
      n === 0 ? groupName(group) : "",
      escaped(row[0]!.case),
      escaped(row[0]!.beside ?? ""),
      ...cells(columns, row, checkFigure),
      saidOnce(row, shownTarget),
      saidOnce(row, shownVerdict)
    ])
  )
  if (rows.length === 0) return ""
  const [all, ...others] = withoutKind(kind, [[...head, "target", "result"], ...rows])
  return table(all!, others)
}

/** Makes the table of all readings of a topic. */
export const readingsTable = ({ groups }: Result, kind: string): string => {
  const byGroup = groups.map((group) => ({
    group,
    rows: rowsOf(group.readings, ({ case: name, unit }) => JSON.stringify([name, unit]))
  }))
  const columns = columnsOf(byGroup.flatMap(({ rows }) => rows))
  const head = [kind, "case", "inputs", ...columns.length === 0 ? ["median"] : columns.map(columnName)]
  const show = ({ unit, values }: Readings) => spread(values, unit)
  const rows = byGroup.flatMap(({ group, rows }) =>
    rows.map((row, n) => [
      n === 0 ? groupName(group) : "",
      escaped(row[0]!.case),
      columns.length === 0 && row[0]!.inputs !== undefined ? whole(row[0]!.inputs) : "",
      ...cells(columns, row, show)
    ])
  )
  const [all, ...others] = withoutKind(kind, [head, ...rows])
  return table(all!, others)
}
