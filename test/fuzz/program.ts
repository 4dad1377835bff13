/**
 * Random programs: several concurrent runs, each with its inputs, works and options. A program is plain data, so that a
 * failing program can be printed, and its works can be sent to a task.
 */
import { Random } from "./random.ts"
import { allNames, mildNames, type ValueName } from "./values.ts"

/** The action of one attempt. Times are even and timeouts odd, so that there are no ties. */
export interface Act {
  readonly kind: Kind
  readonly millis: number
  /** The value that it succeeds, fails or dies with, logs or returns. */
  readonly value: ValueName
}

/** The actions of works on fibers. */
export const fiberKinds = [
  ...[
    "succeed",
    "succeed",
    "succeed",
    "fail",
    "die",
    "hang",
    "ready",
    "ready fail",
    "sync",
    "throw",
    "promise"
  ] as const,
  ...["reject", "interrupt own fiber", "no effect", "nonsense", "log", "slow finalizer", "children"] as const,
  "nested" as const
]

/** The actions of tasks on workers, including those that affect their worker. */
export const mildTaskKinds = ["succeed", "succeed", "succeed", "fail", "die", "throw", "sync", "log"] as const
export const taskKinds = [...mildTaskKinds, "hang", "spin", "exit", "kill", "junk", "uncaught"] as const

type Kind = typeof fiberKinds[number] | typeof taskKinds[number]

export interface Run {
  readonly mode: "run" | "partition" | "validate" | "forEach" | "input" | "completion"
  readonly inputs: "array" | "iterator" | "generator" | "iterable" | "async iterable" | "stream"
  /** The input of each index. */
  readonly payloads: ReadonlyArray<ValueName>
  /** The action of each attempt at an input. The last one is repeated. */
  readonly works: ReadonlyArray<ReadonlyArray<Act>>
  /** Index of the input at which the iterator throws, or -1. */
  readonly throwsAt: number
  readonly concurrency: number | "unbounded"
  readonly timeout: number | undefined
  readonly retries: number
  readonly delay: number
  readonly maxErrors: number | undefined
  readonly preDispatch: number | "all" | undefined
  readonly batchSize: number | "auto" | undefined
  readonly spans: number
  readonly stragglers: { readonly after: number; readonly limit: number } | undefined
  /** The limits of the program that the run uses. */
  readonly limits: ReadonlyArray<LimitName>
  readonly watched: boolean
  /** Time at which it is interrupted, in milliseconds, or -1. */
  readonly interruptAt: number
}

/** The limits that the runs of a program share. */
export type LimitName = "one" | "two" | "rate" | "cost" | "adaptive" | "own" | "keyed"

export interface Program {
  readonly runs: ReadonlyArray<Run>
  /** Number of operations after which a fiber yields. */
  readonly budget: number
}

/** The options for drawing programs. */
export interface Taste {
  readonly kinds: ReadonlyArray<Kind>
  /** True if hostile values are drawn. */
  readonly harsh: boolean
  /** True for tasks, which do not know of earlier attempts. */
  readonly tasks: boolean
  readonly mostInputs: number
}

export const draw = (seed: number, taste: Taste): Program => {
  const random = new Random(seed)
  const runs = random.list(random.pick([1, 1, 1, 2, 3]), () => drawRun(random, taste))
  const timed = runs.some((run) => run.timeout !== undefined)
  return { runs, budget: timed || taste.tasks ? 2048 : random.pick([2048, 2048, 3, 5, 7, 12, 30]) }
}

const drawRun = (random: Random, taste: Taste): Run => {
  const timeout = taste.tasks
    ? random.maybe(0.5, [1501])
    : random.maybe(0.3, [5, 9])
  const stragglers = random.maybe(0.15, [{ after: 1, limit: 1 }, { after: 5, limit: 3 }, { after: 11, limit: 20 }])
  const names = taste.harsh ? allNames : mildNames
  const count = random.below(taste.mostInputs + 1)
  const limits = random.chance(0.3) ? [random.pick(limitNames), random.pick(limitNames)] : []
  // a work that hangs needs a timeout; the time of nested runs is not known in advance; a fiber that ends because of
  // something that is not an effect runs no finalizer, so a custom limit does not get its permit back; and a work that
  // asks for another key while it holds such a limit takes limits in two orders, so that attempts may wait for each
  // other
  const kinds = taste.kinds.filter((kind) =>
    (timeout !== undefined || (kind !== "hang" && kind !== "spin")) &&
    (timeout === undefined || kind !== "nested") &&
    (stragglers === undefined || kind !== "nested") &&
    (!limits.includes("own") || (kind !== "no effect" && !(kind === "nested" && limits.includes("keyed"))))
  )
  // every fifth run has low concurrency, a small budget and many failures, where the order of events matters most
  const tight = random.chance(0.2)
  const act = (): Act => ({ kind: random.pick(kinds), millis: 2 * random.below(9), value: random.pick(names) })
  return {
    mode: tight
      ? random.pick(["run", "input", "input", "completion"])
      : random.pick(["run", "partition", "validate", "forEach", "input", "completion"]),
    inputs: random.pick(["array", "iterator", "generator", "iterable", "async iterable", "stream"]),
    payloads: random.list(count, () => random.pick(names)),
    works: random.list(count, () => random.list(taste.tasks ? 1 : 1 + random.below(3), act)),
    throwsAt: random.chance(0.2) ? random.below(6) : -1,
    concurrency: tight ? random.pick([1, 2, 3]) : random.pick([1, 2, 3, 8, 40, "unbounded"]),
    timeout,
    retries: random.pick([0, 0, 1, 2]),
    delay: random.pick([0, 6]),
    maxErrors: tight ? random.pick([1, 2]) : random.maybe(0.4, [1, 2, 4]),
    preDispatch: tight ? 0 : random.maybe(0.5, [0, 1, 3, "all"]),
    batchSize: random.maybe(0.5, [1, 2, 5, "auto"]),
    spans: random.pick([0, 0, 0, 1, 0.5]),
    stragglers,
    limits,
    watched: random.chance(0.3),
    interruptAt: random.chance(0.3) ? random.pick([0, 3, 10, 25]) : -1
  }
}

const limitNames: ReadonlyArray<LimitName> = ["one", "two", "rate", "cost", "adaptive", "own", "keyed", "keyed"]

/** Returns the result of an input when its attempts run sequentially, with nothing beside them. */
export interface Expected {
  readonly tag: "Success" | "Failure"
  readonly attempts: number
  /** The deciding attempt. */
  readonly act: Act
  readonly late: boolean
}

const takesTime = new Set<Kind>([
  "succeed",
  "fail",
  "die",
  "hang",
  "spin",
  "slow finalizer",
  "log",
  "children",
  "interrupt own fiber",
  "no effect"
])
const succeeds = new Set<Kind>(
  ["succeed", "ready", "sync", "promise", "log", "slow finalizer", "children", "nested", "junk"]
)
/** The failures that are typed, and so are retried. */
const typed = new Set<Kind>(["fail", "ready fail", "exit", "kill", "uncaught"])

const isLate = (run: Run, { kind, millis }: Act): boolean =>
  run.timeout !== undefined && takesTime.has(kind) && (kind === "hang" || kind === "spin" || millis > run.timeout)

export const expected = (run: Run, index: number): Expected => {
  const acts = run.works[index]!
  for (let n = 0;; n++) {
    const act = acts[Math.min(n, acts.length - 1)]!
    const late = isLate(run, act)
    if (!late && succeeds.has(act.kind)) return { tag: "Success", attempts: n + 1, act, late }
    if (n === run.retries || !(late || typed.has(act.kind))) {
      return { tag: "Failure", attempts: n + 1, act, late }
    }
  }
}
