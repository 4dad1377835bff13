/**
 * Measures cases against each other and prints the results.
 *
 * Every reading is taken in a process of its own, so that the effects of one case on the JIT, the heap and the event
 * loop cannot touch another. Cases alternate (A B A B), and each round begins with the next case, so that a machine
 * that gets slower or faster does so for all of them. A check is computed within each round, and then the median is
 * taken: it is a ratio of readings that were taken one after the other.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs, promisify } from "node:util"

/**
 * Function that prepares inputs, outside of the measured time, and returns the program. The program returns the number
 * of inputs that it has processed.
 */
export type Case = (inputs: number) => () => Promise<number>

/**
 * Measured quantity: milliseconds of a warm run, or of the first run of a process; milliseconds of CPU time that the
 * thread of the program, or all threads, take for a warm run; the peak memory of a process in MB; the longest time in
 * milliseconds between two ticks of a timer. The last two are measured in a first run too.
 */
export type Metric = "time" | "first" | "thread" | "cpu" | "memory" | "gap"

/** Function that returns the reading of a case in the current round. */
export type Reading = (name: string, inputs: number) => number

/** Number derived from the readings of a round. `target` is its greatest allowed value. */
export interface Check {
  readonly label: string
  readonly unit: "x" | "MB" | "ms" | "µs"
  readonly of: (reading: Reading) => number
  readonly target?: number | undefined
}

/** Cases that are measured together. */
export interface Group {
  readonly name: string
  readonly metric: Metric
  /** Command-line options of Node.js for all its cases. */
  readonly flags?: ReadonlyArray<string> | undefined
  readonly cases: Readonly<Record<string, Case>>
  readonly sizes: ReadonlyArray<number>
  readonly checks: ReadonlyArray<Check>
}

/** One file of benches. `url` is its `import.meta.url`. */
export interface Topic {
  readonly title: string
  readonly url: string
  /**
   * Milliseconds that a case runs before it is measured. Default: 400. Workers compile code later, so they need more.
   */
  readonly warmUp?: number | undefined
  readonly groups: ReadonlyArray<Group>
}

/** A check, the topic and group it belongs to, and its value in each round. */
export interface Checked {
  readonly check: Check
  readonly where: string
  readonly values: ReadonlyArray<number>
}

interface Subject {
  readonly name: string
  readonly inputs: number
}

export const small = 100_000
export const large = 1_000_000

/** Makes a check: the ratio of the cost of two cases. */
export const ratio = (name: string, base: string, inputs: number, target?: number): Check => ({
  label: `${name} / ${base}, ${count(inputs)}`,
  unit: "x",
  of: (reading) => reading(name, inputs) / reading(base, inputs),
  target
})

/** Makes a check: the ratio of the cost of ten times the inputs to the cost of the inputs. */
export const growth = (name: string, target?: number): Check => ({
  label: `${name}, ${count(large)} / ${count(small)}`,
  unit: "x",
  of: (reading) => reading(name, large) / reading(name, small),
  target
})

/** Makes a check: the memory that a million inputs add to the same program without inputs. */
export const added = (name: string, target?: number): Check => ({
  label: `${name}, ${count(large)} over none`,
  unit: "MB",
  of: (reading) => reading(name, large) - reading(name, 0),
  target
})

/** Makes a check: the difference of two cases, per input. */
export const extra = (name: string, base: string, inputs: number): Check => ({
  label: `${name} - ${base}`,
  unit: "µs",
  of: (reading) => 1000 * (reading(name, inputs) - reading(base, inputs)) / inputs
})

/** Makes a check: the reading itself. */
export const plain = (name: string, inputs: number, target?: number): Check => ({
  label: `${name}, ${count(inputs)}`,
  unit: "ms",
  of: (reading) => reading(name, inputs),
  target
})

/** Parses the command line of a bench. */
export const commandLine = (): { readonly rounds: number; readonly group: string | undefined } => {
  const { values } = parseArgs({ options: { rounds: { type: "string" }, group: { type: "string" } } })
  return { rounds: Number(values.rounds ?? 5), group: values.group }
}

/** Measures the groups of a topic, prints each, and returns the checks. */
export const measure = async (topic: Topic): Promise<ReadonlyArray<Checked>> => {
  const { group: only, rounds } = commandLine()
  const all: Array<Checked> = []
  for (const group of topic.groups) {
    if (only !== undefined && only !== group.name) continue
    const readings = await readGroup(topic, group, rounds)
    const where = `${topic.title}: ${group.name}`
    const checked = group.checks.map((check): Checked => ({ check, where, values: valuesOf(check, readings) }))
    console.log(`\n## ${where}\n`)
    console.log(table(["case", "inputs", units[group.metric], "range"], subjects(group).map(row(group, readings))))
    console.log(`\n${checkTable(checked)}`)
    all.push(...checked)
  }
  return all
}

/** Formats checks as a table. `named` makes the name of each. */
export const checkTable = (
  checks: ReadonlyArray<Checked>,
  named: (checked: Checked) => string = ({ check }) => check.label
): string =>
  table(
    ["check", "median", "range", "target", ""],
    checks.map((checked) => {
      const { check: { target, unit }, values } = checked
      const value = median(values)
      return [
        named(checked),
        `${digits(value)} ${unit}`,
        range(values),
        target === undefined ? "" : `${target} ${unit}`,
        verdict(value, target)
      ]
    })
  )

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

const child = fileURLToPath(new URL("child.ts", import.meta.url))

/** Takes one reading in a process of its own. */
const read = async (topic: Topic, group: Group, { inputs, name }: Subject): Promise<number> => {
  const args = [...group.flags ?? [], child, topic.url, group.name, name, String(inputs)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

const key = (name: string, inputs: number): string => `${name} @ ${inputs}`

const subjects = (group: Group): ReadonlyArray<Subject> =>
  group.sizes.flatMap((inputs) => Object.keys(group.cases).map((name) => ({ name, inputs })))

/** Takes the readings of all rounds. */
const readGroup = async (topic: Topic, group: Group, rounds: number): Promise<ReadonlyArray<Map<string, number>>> => {
  const all = subjects(group)
  const readings: Array<Map<string, number>> = []
  for (let round = 0; round < rounds; round++) {
    const first = round % all.length
    const current = new Map<string, number>()
    for (const subject of [...all.slice(first), ...all.slice(0, first)]) {
      progress(`${group.name}, round ${round + 1} of ${rounds}: ${key(subject.name, subject.inputs)}`)
      current.set(key(subject.name, subject.inputs), await read(topic, group, subject))
    }
    readings.push(current)
  }
  progress("")
  return readings
}

/** Rewrites the progress line, if stderr is a terminal. */
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

const valuesOf = (check: Check, readings: ReadonlyArray<Map<string, number>>): ReadonlyArray<number> =>
  readings.map((round) => check.of((name, inputs) => round.get(key(name, inputs))!))

const units: Readonly<Record<Metric, string>> = {
  time: "µs per input",
  first: "µs per input",
  thread: "µs per input",
  cpu: "µs per input",
  memory: "MB",
  gap: "ms"
}

const row = (group: Group, readings: ReadonlyArray<Map<string, number>>) => ({ inputs, name }: Subject) => {
  const scale = units[group.metric] === units.time ? 1000 / inputs : 1
  const values = readings.map((round) => scale * round.get(key(name, inputs))!)
  return [name, count(inputs), digits(median(values)), range(values)]
}

/** Formats a number with three significant digits. */
const digits = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))

const range = (values: ReadonlyArray<number>): string =>
  `${digits(Math.min(...values))} to ${digits(Math.max(...values))}`

/** Formats a number of inputs. */
export const count = (inputs: number): string => inputs === 0 ? "0" : inputs.toExponential().replace("+", "")

const verdict = (value: number, target: number | undefined): string => {
  if (target === undefined) return ""
  if (value > target) return "missed"
  return value > 0.95 * target ? "met, narrowly" : "met"
}

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length), 3))
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")
}
