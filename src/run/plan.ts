/**
 * What is to be run, made ready: inputs and work with options that have been checked.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Backend from "../Backend.ts"
import * as Limit from "../Limit.ts"
import * as check from "../primitives/check.ts"
import * as Task from "../Task.ts"
import * as Source from "./inputs/source.ts"
import * as Retry from "./retry.ts"
import type { Budget, Timed, Timeout } from "./types.ts"

/**
 * Anything inputs can come from: an array, set, map or generator, an async iterable, a `Stream`.
 *
 * **Details**
 *
 * Shape: pulled lazily, once, and never further ahead of what is done than `concurrency + preDispatch`; where tasks go
 * in batches, so many batches are in flight. A `Stream` is pulled a chunk at a time, and only when there is room for
 * one more: its last chunk may go beyond. An iterator that is not used up is closed. A string is its characters, as for
 * any `for` loop. Errors: an iterator that throws is a defect of the run, a stream that fails is its error, and its
 * services join the run's. Effects, options and results are refused, though they can be iterated: run an effect of
 * inputs first.
 *
 * @category models
 * @since 0.1.0
 */
export type Inputs<I, E = never, R = never> = Source.Inputs<I, E, R>

/**
 * What is done with one input: a function that gives an effect, or a task.
 *
 * @category models
 * @since 0.1.0
 */
export type Work<in I, out A, out E, out R> = (input: I, index: number) => Effect.Effect<A, E, R>

/**
 * When a failed attempt is followed by another: a schedule, or how many times, on which schedule and for which errors.
 *
 * **Details**
 *
 * Units: `times` is an integer of at least 0, and counts what follows the first attempt. What is left out does not limit;
 * without a schedule the next attempt follows at once. `E` is the error of the work, and `TimeoutError` with a timeout:
 * `schedule` and `while` have to take all of it. Errors: none; a `while` that dies is a defect beside the failure.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryOption<E> = Retry.Retry<E>

/**
 * How a run goes about its inputs. All of it is optional.
 *
 * **Details**
 *
 * - `concurrency`: how many works are in flight; a positive integer or `"unbounded"`. Default 8 for functions, the
 *   backend's workers for tasks.
 * - `timeout`: how long an attempt may take, from its start; a positive duration. Adds `Cause.TimeoutError`. An attempt
 *   that ends in the same turn of the event loop has ended in time.
 * - `retry`: a `Schedule`, or `{ times, schedule, while }`. Each input has its own; only typed errors are retried, not
 *   defects. An input that waits for its retry holds no slot.
 * - `maxErrors`: the run stops when so many inputs have failed for good; a positive integer or `Infinity`. Adds
 *   `TooManyErrors`, except to `forEach`, `all` and `pairs`, which stop at the first failure anyway.
 * - `stragglers`: `{ after, limit }`. When no input waits, at most `limit` (3) are unfinished and one of them has run for
 *   `after`, a second copy of it starts in a free slot, once for each input; the first to end wins and the other is
 *   interrupted. For idempotent work.
 * - `limit`: one or several `Limit`s that each attempt passes before it starts.
 * - `batchSize`: tasks in a message to a worker; a positive integer, or `"auto"` (the default), which follows the time they
 *   take and aims at 25 ms a message. It has no meaning on fibers; with `limit`, `stragglers` or `spans` it is 1.
 * - `preDispatch`: how many inputs may be pulled ahead of those in flight; an integer of at least 0 or `"all"`.
 *   Default twice the concurrency, times a fixed `batchSize`. Automatic batches have no such bound unless one is given: what
 *   is ahead is then a batch for each lane, and of asynchronous inputs as many as are already done with.
 * - `spans`: whether each attempt has a span of its own, named after the run, with index, attempt, worker and outcome; or
 *   the share of inputs whose attempts have one, a number from 0 to 1. Default `false`: the run has one.
 * - `name`: how spans, metrics, progress and reports call the run. Default the task's name, or `"parallel"`.
 *
 * Types: `retry` is asked about `E`, the error of the work; `T` and `M` are the types of `timeout` and `maxErrors`, by
 * which a run knows what they add. Errors: an option out of its range, or one that does not exist, is a defect, thrown
 * where the effect is built: nothing has started by then.
 *
 * **Gotchas**
 *
 * `Options` alone are options that fit any work. A function that hands its own `Options<E>` on to a run has every error
 * that they may add; to be as exact as the run it takes `T extends Duration.Input = never` and `M extends number = never`,
 * and `Options<E, T, M>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<E = unknown, T extends Timeout = Timeout, M extends Budget = Budget> {
  readonly concurrency?: number | "unbounded" | undefined
  readonly timeout?: T | undefined
  readonly retry?: RetryOption<Timed<T, E>> | undefined
  readonly maxErrors?: M | undefined
  readonly stragglers?: { readonly after: Duration.Input; readonly limit?: number | undefined } | undefined
  readonly limit?: Limit.Limit | ReadonlyArray<Limit.Limit> | undefined
  readonly batchSize?: number | "auto" | undefined
  readonly preDispatch?: number | "all" | undefined
  readonly spans?: boolean | number | undefined
  readonly name?: string | undefined
}

/**
 * Options that a program can set for all runs inside: those that change no type.
 *
 * @category models
 * @since 0.1.0
 */
export type DefaultOptions = Omit<Options, "timeout" | "maxErrors" | "name">

/** Options that have been checked; what was not given is absent. */
interface Checked {
  readonly concurrency?: number
  readonly timeout?: Duration.Duration
  readonly retry?: () => Retry.Decide
  readonly maxErrors?: number
  readonly stragglers?: { readonly after: Duration.Duration; readonly limit: number }
  readonly limits?: ReadonlyArray<Limit.Limit>
  readonly batchSize?: number | "auto"
  readonly preDispatch?: number
  readonly spans?: number
  readonly name?: string
}

/**
 * What takes the place of an input's failure when no attempt is left: a value, or another failure.
 *
 * **Details**
 *
 * It runs in the input's slot, after its limits, and counts as no attempt. `attempts` are the starts so far.
 *
 * @category models
 * @since 0.1.0
 */
export type Recover<in I, out A, out E, out R> = (
  failed: { readonly index: number; readonly input: I; readonly attempts: number },
  cause: Cause.Cause<any>
) => Effect.Effect<A, E, R>

/**
 * How the work of a node differs from that of a run: it may give back a plain value (`plain`), and something may take the
 * place of its failures.
 *
 * @category models
 * @since 0.1.0
 */
export interface Steps<in I, out A, out E, out R> {
  readonly plain?: boolean | undefined
  readonly recover?: Recover<I, A, E, R> | undefined
}

/**
 * Inputs, work, and options that have been checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan<I, A, E, R, EI = never, RI = never> {
  readonly inputs: Inputs<I, EI, RI>
  readonly work: Work<I, A, E, R>
  readonly options: Checked
  readonly steps: Steps<I, A, E, R>
}

/**
 * What a run goes by: the plan's own options, then the defaults around it, then what this library chooses.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly name: string
  /** Works in flight, at most; may be infinite. */
  readonly concurrency: number
  /** Inputs pulled and not yet done, at most; may be infinite. Where inputs go in batches it may grow, up to `widest`. */
  readonly window: number
  readonly widest: number
  /** Whether inputs go to the backend many at a time. */
  readonly batches: boolean
  readonly batchSize: number | "auto"
  readonly timeout: Duration.Duration | undefined
  readonly retry: (() => Retry.Decide) | undefined
  readonly maxErrors: number
  readonly stragglers: { readonly after: Duration.Duration; readonly limit: number } | undefined
  /** In the order in which they are taken. */
  readonly limits: ReadonlyArray<Limit.Limit>
  /** The share of inputs whose attempts have spans. */
  readonly spans: number
}

/**
 * The options that runs go by where they say nothing themselves.
 *
 * @category services
 * @since 0.1.0
 */
export const Defaults: Context.Reference<Checked> = Context.Reference<Checked>("effect-parallel/Plan/Defaults", {
  defaultValue: () => ({})
})

/**
 * Makes a plan. Inputs that cannot be pulled, work that is no function and options out of their range are defects.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <I, A, E, R, EI, RI>(
  inputs: Inputs<I, EI, RI>,
  work: Work<I, A, E, R>,
  options: Options<E> | undefined,
  steps: Steps<I, A, E, R> = {}
): Plan<I, A, E, R, EI, RI> => {
  Source.check(inputs)
  if (typeof work !== "function") check.refuse("work", "a function or a task", work)
  return { inputs, work, options: checked(options ?? {}), steps }
}

/**
 * Checks default options and lays them over those around.
 *
 * @category constructors
 * @since 0.1.0
 */
export const defaults = (options: DefaultOptions): (around: Checked) => Checked => {
  check.knownKeys("default options", options, known.filter((key) => !["timeout", "maxErrors", "name"].includes(key)))
  const own = checked(options)
  return (around) => ({ ...around, ...own })
}

/**
 * Those defaults that a worker can be told of: numbers and times; retry policies and limits stay where they are.
 *
 * @category converting
 * @since 0.1.0
 */
export const sendable = ({ batchSize, concurrency, preDispatch, stragglers }: Checked): DefaultOptions => ({
  ...(concurrency !== undefined && { concurrency: concurrency === Infinity ? "unbounded" : concurrency }),
  ...(batchSize !== undefined && { batchSize }),
  ...(preDispatch !== undefined && { preDispatch: preDispatch === Infinity ? "all" : preDispatch }),
  ...(stragglers !== undefined &&
    { stragglers: { after: Duration.toMillis(stragglers.after), limit: stragglers.limit } })
})

/**
 * What a run of this plan goes by on a backend. Inputs go in batches when the backend takes them so and nothing has to be
 * done for each: a limit, a straggler's copy or a span.
 *
 * @category converting
 * @since 0.1.0
 */
export const settings = (
  plan: Plan<any, any, any, any, any, any>,
  around: Checked,
  backend: Pick<Backend.Backend, "workers" | "batches">
): Settings => {
  const options: Checked = { ...around, ...plan.options }
  const { batchSize = "auto", limits = [], preDispatch, spans = 0, stragglers } = options
  const isTask = Task.isTask(plan.work)
  const concurrency = options.concurrency ?? (isTask ? backend.workers : 8)
  const batches = isTask && backend.batches === true && limits.length === 0 && stragglers === undefined &&
    spans === 0
  const size = batches && batchSize !== "auto" ? batchSize : 1
  const window = concurrency * size + (preDispatch ?? 2 * concurrency * size)
  return {
    name: options.name ?? (isTask ? plan.work.name : "parallel"),
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

const checked = (options: Options<any>): Checked => {
  check.knownKeys("options", options, known)
  const { batchSize, concurrency, limit, maxErrors, name, preDispatch, retry, spans, stragglers, timeout } = options
  return {
    ...(concurrency !== undefined && { concurrency: check.positiveIntegerOr("concurrency", concurrency, "unbounded") }),
    ...(timeout !== undefined && finite(check.positiveDuration("timeout", timeout))),
    ...(retry !== undefined && { retry: Retry.make(retry) }),
    ...(maxErrors !== undefined && { maxErrors: errorBudget(maxErrors) }),
    ...(stragglers !== undefined && { stragglers: straggling(stragglers) }),
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

const straggling = (stragglers: NonNullable<Options["stragglers"]>) => {
  check.knownKeys("stragglers", stragglers, ["after", "limit"])
  return {
    after: check.positiveDuration("stragglers.after", stragglers.after),
    limit: stragglers.limit === undefined ? 3 : check.positiveInteger("stragglers.limit", stragglers.limit)
  }
}

const inRank = (limit: NonNullable<Options["limit"]>): ReadonlyArray<Limit.Limit> => {
  const limits = Array.isArray(limit) ? limit as ReadonlyArray<Limit.Limit> : [limit as Limit.Limit]
  for (const each of limits) if (!Limit.isLimit(each)) check.refuse("limit", "a Limit or an array of them", each)
  return [...new Set(limits)].toSorted((a, b) => a.rank === b.rank ? 0 : a.rank - b.rank)
}

const share = (spans: unknown): number =>
  typeof spans === "boolean" ? Number(spans) : typeof spans === "number" && spans >= 0 && spans <= 1
    ? spans
    : check.refuse("spans", "a boolean or a number from 0 to 1", spans)

const lookAhead = (preDispatch: unknown): number =>
  preDispatch === "all"
    ? Infinity
    : Number.isSafeInteger(preDispatch) && (preDispatch as number) >= 0
    ? preDispatch as number
    : check.refuse("preDispatch", `an integer of at least 0 or "all"`, preDispatch)
