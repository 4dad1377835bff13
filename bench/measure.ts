/**
 * Measures cases against each other, prints the results and returns them.
 *
 * Every reading is taken in a process of its own, so that the effects of one case on the JIT, the heap and the event
 * loop cannot touch another. Cases alternate (A B A B), and each round begins with the next case, so that a machine
 * that gets slower or faster does so for all of them. A check is computed within each round, and then the median is
 * taken: it is a ratio of readings that were taken one after the other.
 */
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import {
  checkFigure,
  checkName,
  type GroupResult,
  type Readings,
  spread,
  type StoredCheck,
  targetFigure,
  type Unit,
  verdict,
  whole
} from "./results.ts"

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

/** Function that returns the reading of a case in the current round. A survey has no sizes. */
export type Reading = (name: string, inputs?: number) => number

/** Number derived from the readings of a round. `target` is its greatest allowed value. */
export interface Check extends Omit<StoredCheck, "values"> {
  readonly of: (reading: Reading) => number
}

/** Cases that are measured together. */
export interface Group {
  readonly name: string
  readonly metric: Metric
  /** Whether a reading is of the whole run, not of one input. */
  readonly isWhole?: boolean | undefined
  /** Command-line options of Node.js for all its cases. */
  readonly flags?: ReadonlyArray<string> | undefined
  readonly cases: Readonly<Record<string, Case>>
  readonly sizes: ReadonlyArray<number>
  readonly checks: ReadonlyArray<Check>
}

/** Program that takes several readings at a time, in one process for each round. */
export interface Survey {
  readonly name: string
  readonly flags?: ReadonlyArray<string> | undefined
  /** What it reads, with units. */
  readonly figures: Readonly<Record<string, Unit>>
  readonly read: () => Promise<Readonly<Record<string, number>>>
  readonly checks: ReadonlyArray<Check>
}

/** One file of benches. `url` is its `import.meta.url`. */
export interface Topic {
  readonly title: string
  readonly url: string
  /** Packages that the library is compared with. */
  readonly peers: ReadonlyArray<string>
  /** Returns the versions of programs that the library is compared with. */
  readonly programs?: (() => Readonly<Record<string, string>>) | undefined
  /** What is missing on this machine, if it cannot measure the topic. */
  readonly lacks?: string | undefined
  /** Greatest number of rounds. Topics that take long have one. */
  readonly rounds?: number | undefined
  /**
   * Milliseconds that a case runs before it is measured. Default: 400. Workers compile code later, so they need more.
   */
  readonly warmUp?: number | undefined
  readonly groups: ReadonlyArray<Group | Survey>
}

/** Marks the line of a reading in the output of a process: a run may log something too. */
export const mark = "reading: "

export const small = 100_000
export const large = 1_000_000

/** Makes a check: the ratio of the cost of two cases. */
export const ratio = (name: string, base: string, inputs: number | undefined, target?: number): Check => ({
  case: name,
  beside: base,
  inputs,
  unit: "x",
  of: (reading) => reading(name, inputs) / reading(base, inputs),
  target
})

/** Makes a check: the ratio of the cost of ten times the inputs to the cost of the inputs. */
export const growth = (name: string, target?: number): Check => ({
  case: name,
  beside: "a tenth of the inputs",
  inputs: large,
  unit: "x",
  of: (reading) => reading(name, large) / reading(name, small),
  target
})

/** Makes a check: the memory that a million inputs add to the same program without inputs. */
export const added = (name: string, target?: number): Check => ({
  case: name,
  beside: "no inputs",
  inputs: large,
  unit: "MB",
  of: (reading) => reading(name, large) - reading(name, 0),
  target
})

/** Makes a check: the difference of two cases, per input. */
export const extra = (name: string, base: string, inputs: number, target?: number): Check => ({
  case: name,
  beside: base,
  inputs,
  unit: "µs",
  of: (reading) => 1000 * (reading(name, inputs) - reading(base, inputs)) / inputs,
  target
})

/** Makes a check: the reading itself, in its own unit. */
export const plain = (name: string, inputs: number | undefined, target?: number, unit: Unit = "ms"): Check => ({
  case: name,
  inputs,
  unit,
  of: (reading) => reading(name, inputs),
  target
})

export interface Options {
  readonly rounds: number
  /** The only group to measure. */
  readonly group?: string | undefined
}

/** Parses the command line of a bench. */
const commandLine = (): Options => {
  const { values } = parseArgs({ options: { rounds: { type: "string" }, group: { type: "string" } } })
  return { rounds: Number(values.rounds ?? 5), group: values.group }
}

/** Measures the groups of a topic, prints each, and returns them. */
export const measure = async (topic: Topic, options = commandLine()): Promise<ReadonlyArray<GroupResult>> => {
  const rounds = Math.min(options.rounds, topic.rounds ?? Infinity)
  const all: Array<GroupResult> = []
  for (const group of topic.groups) {
    if (options.group !== undefined && options.group !== group.name) continue
    const result = resultOf(group, await readGroup(topic, group, rounds))
    console.log(`\n## ${topic.title}: ${group.name}\n\n${shown(result)}`)
    all.push(result)
  }
  return all
}

const child = fileURLToPath(new URL("child.ts", import.meta.url))

/**
 * Environment of processes that warm up before they are measured. They load code that was compiled before, so that they
 * start sooner. Processes that are measured in their first run compile everything themselves.
 */
const warm = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "effect-parallel-bench") }

const isWarm = (group: Group | Survey): boolean => "metric" in group && ["time", "thread", "cpu"].includes(group.metric)

/** Longest time in milliseconds that a reading may take, and that its process may take to end after it. */
const longest = 600_000
const grace = 3000

/**
 * Takes one reading in a process of its own, or those of a survey. The process is killed if it does not end: Node.js can
 * hang in its exit, when its compilers wait for memory that nobody frees anymore.
 */
const read = (topic: Topic, group: Group | Survey, subject?: Subject): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const which = subject === undefined ? [] : [subject.name, String(subject.inputs)]
    const args = [...group.flags ?? [], child, topic.url, group.name, ...which]
    const env = isWarm(group) ? warm : process.env
    const running = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] })
    const kill = () => running.kill("SIGKILL")
    let [output, errors] = ["", ""]
    let timer = setTimeout(kill, longest)
    const reading = () => new RegExp(`^${mark}(.*)\n`, "m").exec(output)?.[1]
    running.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      if (reading() === undefined) return
      clearTimeout(timer)
      timer = setTimeout(kill, grace)
    })
    running.stderr.on("data", (chunk: Buffer) => errors += chunk.toString())
    running.on("error", reject)
    running.on("close", (code, signal) => {
      clearTimeout(timer)
      const found = reading()
      if (found !== undefined) resolve(JSON.parse(found))
      else reject(new Error(`${group.name}, ${which.join(" @ ")}: exited with ${code ?? signal}\n${output}${errors}`))
    })
  })

interface Subject {
  readonly name: string
  readonly inputs: number
}

const subjects = (group: Group): ReadonlyArray<Subject> =>
  group.sizes.flatMap((inputs) => Object.keys(group.cases).map((name) => ({ name, inputs })))

/** Number of readings of a topic in a round. */
export const readingsIn = (topic: Topic): number =>
  topic.groups.reduce((sum, group) => sum + ("read" in group ? 1 : subjects(group).length), 0)

/** The readings of a round, by case and size. */
type Round = ReadonlyMap<string, number>

const key = (name: string, inputs: number | undefined): string => inputs === undefined ? name : `${name} @ ${inputs}`

/** Takes the readings of all rounds. */
const readGroup = async (topic: Topic, group: Group | Survey, rounds: number): Promise<ReadonlyArray<Round>> => {
  const readings: Array<Round> = []
  for (let round = 0; round < rounds; round++) {
    const label = `${topic.title}: ${group.name}, round ${round + 1} of ${rounds}`
    readings.push(await ("read" in group ? surveyed(topic, group, label) : alternated(topic, group, round, label)))
  }
  progress("")
  return readings
}

const surveyed = async (topic: Topic, survey: Survey, label: string): Promise<Round> => {
  progress(label)
  return new Map(Object.entries(await read(topic, survey) as Readonly<Record<string, number>>))
}

const alternated = async (topic: Topic, group: Group, round: number, label: string): Promise<Round> => {
  const all = subjects(group)
  const first = round % all.length
  const current = new Map<string, number>()
  for (const subject of [...all.slice(first), ...all.slice(0, first)]) {
    progress(`${label}: ${key(subject.name, subject.inputs)}`)
    current.set(key(subject.name, subject.inputs), await read(topic, group, subject) as number)
  }
  return current
}

/** Rewrites the progress line, if stderr is a terminal. */
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

/** The unit of a reading of a case, and what a number of milliseconds has to be multiplied with. */
const scaleOf = ({ isWhole, metric }: Group, inputs: number): readonly [Unit, number] => {
  if (metric === "memory") return ["MB", 1]
  return metric === "gap" || isWhole === true ? ["ms", 1] : ["µs", 1000 / inputs]
}

/** Rounds to what is stored: more digits than any page shows. */
const stored = (value: number): number => {
  if (!Number.isFinite(value)) throw new Error(`read ${value}, which is no finite number`)
  return Number(value.toPrecision(6))
}

const resultOf = (group: Group | Survey, rounds: ReadonlyArray<Round>): GroupResult => {
  const readings = "read" in group
    ? Object.entries(group.figures).map(([name, unit]): Readings => ({
      case: name,
      unit,
      values: rounds.map((round) => stored(round.get(name)!))
    }))
    : subjects(group).map(({ inputs, name }): Readings => {
      const [unit, scale] = scaleOf(group, inputs)
      return { case: name, inputs, unit, values: rounds.map((round) => stored(scale * round.get(key(name, inputs))!)) }
    })
  const checks = group.checks.map(({ of, ...check }): StoredCheck => ({
    ...check,
    values: rounds.map((round) => stored(of((name, inputs) => round.get(key(name, inputs))!)))
  }))
  return { name: group.name, flags: group.flags, readings, checks }
}

/** Formats a group for a terminal. */
const shown = ({ checks, readings }: GroupResult): string => {
  const rows = readings.map(({ case: name, inputs, unit, values }) => [
    name,
    inputs === undefined ? "" : whole(inputs),
    spread(values, unit)
  ])
  const tables = [table(["case", "inputs", "median (range)"], rows)]
  if (checks.length > 0) tables.push(checkTable(checks.map((check) => [checkName(check), check])))
  return tables.join("\n\n")
}

/** Formats checks and their names as a table for a terminal. */
export const checkTable = (checks: ReadonlyArray<readonly [name: string, check: StoredCheck]>): string =>
  table(
    ["check", "median (range)", "target", ""],
    checks.map(([name, check]) => [
      name,
      checkFigure(check),
      check.target === undefined ? "" : targetFigure(check.target, check.unit),
      verdict(check.values, check.target) ?? ""
    ])
  )

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length), 3))
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")
}
