/**
 * A plan: inputs, work, and options that have been checked; and the settings that a run of it goes by.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import type * as Backend from "../Backend.ts"
import type * as Limit from "../Limit.ts"
import * as check from "../primitives/check.ts"
import type * as Task from "../Task.ts"
import type { Decide } from "./inputs/item.ts"
import * as Source from "./inputs/source.ts"
import type { Recover } from "./lanes/afterFailure.ts"
import * as Retry from "./lanes/retry.ts"
import type { DefaultOptions, Options, Work } from "./types.ts"

/** Options that have been checked; what was not given is absent. */
export interface CheckedOptions {
  readonly concurrency?: number
  readonly timeout?: Duration.Duration
  readonly retry?: () => Decide
  readonly maxErrors?: number
  readonly stragglers?: StragglerOptions
  readonly limits?: ReadonlyArray<Limit.Limit>
  readonly batchSize?: number | "auto"
  readonly preDispatch?: number
  readonly spans?: number
  readonly name?: string
}

/** The option `stragglers`, with its default. */
export interface StragglerOptions {
  readonly after: Duration.Duration
  readonly limit: number
}

/** What the work of a node may do beside that of a run: give a plain value (`plain`), and have its failures replaced. */
export interface NodeWork<in I, out A, out E, out R> {
  readonly plain?: boolean | undefined
  readonly recover?: Recover<I, A, E, R> | undefined
}

/** Inputs, work, and options that have been checked. */
export interface Plan<I, A, E, R, EI = never, RI = never> {
  readonly inputs: Source.Inputs<I, EI, RI>
  readonly work: Work<I, A, E, R>
  readonly options: CheckedOptions
  readonly node: NodeWork<I, A, E, R>
}

/** Settings of a run: the plan's own options, then the defaults around it, then what this library chooses. */
export interface Settings {
  readonly name: string
  /** Works in flight at most; may be infinite. */
  readonly concurrency: number
  /** Inputs pulled and not yet done, at most; may be infinite. Where inputs go in batches it may grow, up to `widest`. */
  readonly window: number
  readonly widest: number
  /** Whether inputs go to the backend many at a time. */
  readonly batches: boolean
  readonly batchSize: number | "auto"
  readonly timeout: Duration.Duration | undefined
  readonly retry: (() => Decide) | undefined
  readonly maxErrors: number
  readonly stragglers: StragglerOptions | undefined
  /** In the order in which they are taken. */
  readonly limits: ReadonlyArray<Limit.Limit>
  /** The share of inputs whose attempts have spans. */
  readonly spans: number
}

/** Options that runs go by where they give none themselves. */
export const Defaults: Context.Reference<CheckedOptions> = Context.Reference<CheckedOptions>(
  "effect-parallel/Plan/Defaults",
  { defaultValue: () => ({}) }
)

/** Makes a plan. Inputs that cannot be pulled, work that is no function and options out of their range are defects. */
export const make = <I, A, E, R, EI, RI>(
  inputs: Source.Inputs<I, EI, RI>,
  work: Work<I, A, E, R>,
  options: Options<E> | undefined
): Plan<I, A, E, R, EI, RI> => {
  Source.check(inputs)
  if (typeof work !== "function") check.wrongType("work", "a function or a task", work)
  return { inputs, work, options: checkOptions(options ?? {}), node: {} }
}

/** Makes the plan of a node, whose work and options have been checked before; inputs that cannot be pulled are a defect. */
export const ofNode = <I, A, E, R, EI, RI>(
  inputs: Source.Inputs<I, EI, RI>,
  work: Work<I, A, E, R>,
  options: CheckedOptions,
  node: NodeWork<I, A, E, R>
): Plan<I, A, E, R, EI, RI> => {
  Source.check(inputs)
  return { inputs, work, options, node }
}

/** Checks default options; gives what lays them over those around. */
export const defaults = (options: DefaultOptions): (around: CheckedOptions) => CheckedOptions => {
  check.knownKeys("default options", options, known.filter((key) => !["timeout", "maxErrors", "name"].includes(key)))
  const own = checkOptions(options)
  return (around) => ({ ...around, ...own })
}

/** Picks the defaults that can be sent to a worker: numbers and times; retry policies and limits stay where they are. */
export const sendable = ({ batchSize, concurrency, preDispatch, stragglers }: CheckedOptions): DefaultOptions => ({
  ...(concurrency !== undefined && { concurrency: concurrency === Infinity ? "unbounded" : concurrency }),
  ...(batchSize !== undefined && { batchSize }),
  ...(preDispatch !== undefined && { preDispatch: preDispatch === Infinity ? "all" : preDispatch }),
  ...(stragglers !== undefined &&
    { stragglers: { after: Duration.toMillis(stragglers.after), limit: stragglers.limit } })
})

/** The marks of tasks and limits, whose modules load schemas and rate limiters: a run takes their types alone. */
export const TaskTypeId = "~effect-parallel/Task" satisfies keyof AnyTask
const LimitTypeId = "~effect-parallel/Limit" satisfies keyof Limit.Limit

export type AnyTask = Task.Task<any, any, any>

/** Narrows a work to a task, which carries how a run reaches its backend. */
export const asTask = (work: unknown): AnyTask | undefined =>
  hasProperty(work, TaskTypeId) ? work as AnyTask : undefined

/**
 * Works out the settings of a run of this plan; a task's backend says how many workers there are. Inputs go in batches when
 * the backend takes batches and nothing has to be done for each input: a limit, a straggler's copy or a span.
 */
export const settings = (
  plan: Plan<any, any, any, any, any, any>,
  around: CheckedOptions,
  backend: Pick<Backend.Backend, "workers" | "batches"> | undefined
): Settings => {
  const options: CheckedOptions = { ...around, ...plan.options }
  const { batchSize = "auto", limits = [], preDispatch, spans = 0, stragglers } = options
  const concurrency = options.concurrency ?? backend?.workers ?? 8
  const batches = backend?.batches === true && limits.length === 0 && stragglers === undefined && spans === 0
  const size = batches && batchSize !== "auto" ? batchSize : 1
  const window = concurrency * size + (preDispatch ?? 2 * concurrency * size)
  return {
    name: options.name ?? asTask(plan.work)?.name ?? "parallel",
    concurrency,
    window,
    widest: batches && batchSize === "auto" && preDispatch === undefined ? Infinity : window,
    batches,
    batchSize,
    timeout: options.timeout,
    retry: options.retry,
    maxErrors: options.maxErrors ?? Infinity,
    stragglers,
    limits,
    spans
  }
}

const known: ReadonlyArray<keyof Options> = [
  "concurrency",
  "timeout",
  "retry",
  "maxErrors",
  "stragglers",
  "limit",
  "batchSize",
  "preDispatch",
  "spans",
  "name"
]

/** Checks options; one that is unknown or out of its range is a defect. */
export const checkOptions = (options: Options<any>): CheckedOptions => {
  check.knownKeys("options", options, known)
  const { batchSize, concurrency, limit, maxErrors, name, preDispatch, retry, spans, stragglers, timeout } = options
  return {
    ...(concurrency !== undefined && { concurrency: check.positiveIntegerOr("concurrency", concurrency, "unbounded") }),
    ...(timeout !== undefined && finite(check.positiveDuration("timeout", timeout))),
    ...(retry !== undefined && { retry: Retry.make(retry) }),
    ...(maxErrors !== undefined && { maxErrors: errorBudget(maxErrors) }),
    ...(stragglers !== undefined && { stragglers: checkStragglers(stragglers) }),
    ...(limit !== undefined && { limits: inRank(limit) }),
    ...(batchSize !== undefined && {
      batchSize: batchSize === "auto" ? batchSize : check.positiveIntegerOr("batchSize", batchSize, "auto")
    }),
    ...(preDispatch !== undefined && { preDispatch: lookAhead(preDispatch) }),
    ...(spans !== undefined && { spans: share(spans) }),
    ...(name !== undefined && { name: check.nonEmptyString("name", name) })
  }
}

/** A timeout that never comes is none. */
const finite = (timeout: Duration.Duration) => Duration.isFinite(timeout) ? { timeout } : {}

const errorBudget = (maxErrors: unknown): number =>
  maxErrors === Infinity ? Infinity : check.positiveInteger("maxErrors", maxErrors)

const checkStragglers = (stragglers: NonNullable<Options["stragglers"]>): StragglerOptions => {
  check.knownKeys("stragglers", stragglers, ["after", "limit"])
  return {
    after: check.positiveDuration("stragglers.after", stragglers.after),
    limit: stragglers.limit === undefined ? 3 : check.positiveInteger("stragglers.limit", stragglers.limit)
  }
}

const inRank = (limit: NonNullable<Options["limit"]>): ReadonlyArray<Limit.Limit> => {
  const limits = Array.isArray(limit) ? limit as ReadonlyArray<Limit.Limit> : [limit as Limit.Limit]
  for (const each of limits) {
    if (!hasProperty(each, LimitTypeId)) check.wrongType("limit", "a Limit or an array of them", each)
  }
  return [...new Set(limits)].toSorted((a, b) => a.rank === b.rank ? 0 : a.rank - b.rank)
}

const share = (spans: unknown): number =>
  typeof spans === "boolean"
    ? Number(spans)
    : check.numberWhere("spans", spans, "a boolean or a number from 0 to 1", (share) => share >= 0 && share <= 1)

const lookAhead = (preDispatch: unknown): number =>
  preDispatch === "all"
    ? Infinity
    : check.numberWhere(
      "preDispatch",
      preDispatch,
      `an integer of at least 0 or "all"`,
      (count) => Number.isSafeInteger(count) && count >= 0
    )
