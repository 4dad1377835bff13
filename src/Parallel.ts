/**
 * One piece of work over many inputs.
 *
 * All functions here run the same engine and differ in what they make of a failure: `forEach` stops at the first,
 * `validate` runs all and then fails with all, `partition` and `run` give both sides, `stream` hands outcomes on as
 * they come.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual, identity } from "effect/Function"
import type * as Stream from "effect/Stream"
import type * as Outcome from "./Outcome.ts"
import { oneOf, wrongType } from "./primitives/check.ts"
import type * as Report from "./Report.ts"
import * as Collect from "./run/collect.ts"
import * as Plan from "./run/plan.ts"
import * as RunStream from "./run/stream.ts"
import type * as Types from "./run/types.ts"
import type {
  AnyEffect,
  AnyWork,
  Budget,
  Budgeted,
  EffectErrors,
  EffectServices,
  EffectValue,
  Journaled,
  Journaling,
  JournalService,
  NoJournaling,
  Second,
  Timed,
  Timeout,
  WorkErrors
} from "./run/types.ts"
import * as Attempt from "./task/attempt.ts"
import { Sequential } from "./task/sequential.ts"

/** @since 0.1.0 */
export type { DefaultOptions, Inputs, Options, RetryOption, Work } from "./run/types.ts"

/** @since 0.1.0 */
export type {
  Budgeted,
  Journaled,
  Journaling,
  JournalOption,
  JournalService,
  NoJournaling,
  Timed
} from "./run/types.ts"

/** @since 0.1.0 */
export type { CurrentAttempt } from "./task/attempt.ts"

/**
 * The options of `stream`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamOptions<
  E = unknown,
  T extends Timeout = Timeout,
  M extends Budget = Budget,
  I = unknown,
  A = unknown,
  J extends Journaling = never
> extends Types.Options<E, T, M, I, A, J> {
  /** Whether outcomes are handed on in input order (the default) or each as soon as it is there. */
  readonly order?: "input" | "completion" | undefined
}

/** True if the inputs come first among the arguments, not the work. */
const isDataFirst = (args: IArguments): boolean => typeof args[0] !== "function"

/**
 * Runs work over every input and gathers the values. The first failure interrupts the rest.
 *
 * **When to use**
 *
 * Use when one failure makes the rest worthless. `partition` and `run` keep what succeeded, `validate` tells of every
 * failure, `stream` hands on results while others still run.
 *
 * **Details**
 *
 * Shape: one value for each input, in input order. Units: `concurrency` 8 for functions, the backend's workers for
 * tasks. Errors: the first cause, typed error or defect, as it was; what others die of while they are interrupted does
 * not change it and is logged. `timeout` adds `TimeoutError`, a task `BackendError`, a stream of inputs its own error.
 * Interruption stops every attempt, waits for its finalizers and closes the inputs. Source: `Effect.forEach` with
 * bounded concurrency, over inputs that may also be asynchronous or without end.
 *
 * **Example** (Lengths of texts)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const length = (text: string) => Effect.succeed(text.length).pipe(Effect.delay("1 millis"))
 *
 * const program = Parallel.forEach(["a", "bb", "ccc"], length, { concurrency: 2 })
 *
 * console.log(await Effect.runPromise(program)) // => [1, 2, 3]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const forEach: {
  <I, A, E, R, T extends Timeout = never, J extends Journaling = NoJournaling>(
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, Budget, NoInfer<I>, NoInfer<A>, J>
  ): <EI = never, RI = never>(
    inputs: Types.Inputs<I, EI, RI>
  ) => Effect.Effect<
    Array<A>,
    Timed<T, E> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <I, A, E, R, EI = never, RI = never, T extends Timeout = never, J extends Journaling = NoJournaling>(
    inputs: Types.Inputs<I, EI, RI>,
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, Budget, NoInfer<I>, NoInfer<A>, J>
  ): Effect.Effect<
    Array<A>,
    Timed<T, E> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <F extends Types.Inputs<any, any, any> | AnyWork>(first: F, second: Second<F, Types.Options<WorkErrors<F>>>): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Timeout, Budget, I, A, any>
): Effect.Effect<Array<A>, E | EI, R | RI> => Collect.values(Plan.make(inputs, work, options)))

/**
 * Runs work over every input, and fails with all failures when there are any.
 *
 * **When to use**
 *
 * Use when all inputs have to succeed, and who has to mend them wants to know of all at once.
 *
 * **Details**
 *
 * Shape: one value for each input, in input order. Errors: `FailedExamples` with every failed input, its cause and the
 * report of the whole run; with `maxErrors`, `TooManyErrors` as soon as so many have failed. A defect is its input's
 * failure. Interruption is no failure: it stops everything, as in `forEach`.
 *
 * **Example** (All failures at once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const parse = (text: string) => Number.isNaN(Number(text)) ? Effect.fail("no number") : Effect.succeed(Number(text))
 *
 * const program = Parallel.validate(["1", "x", "3", "y"], parse).pipe(
 *   Effect.catchTag("FailedExamples", (error) => Effect.succeed(error.failures.map((failure) => failure.input)))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => ["x", "y"]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const validate: {
  <I, A, E, R, T extends Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): <EI = never, RI = never>(inputs: Types.Inputs<I, EI, RI>) => Effect.Effect<
    Array<A>,
    | Outcome.FailedExamples<I, A, Timed<T, E>>
    | Budgeted<M, I, A, Timed<T, E>>
    | Journaled<J, I, A, Timed<T, E>>
    | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <
    I,
    A,
    E,
    R,
    EI = never,
    RI = never,
    T extends Timeout = never,
    M extends Budget = never,
    J extends Journaling = NoJournaling
  >(
    inputs: Types.Inputs<I, EI, RI>,
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): Effect.Effect<
    Array<A>,
    | Outcome.FailedExamples<I, A, Timed<T, E>>
    | Budgeted<M, I, A, Timed<T, E>>
    | Journaled<J, I, A, Timed<T, E>>
    | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <F extends Types.Inputs<any, any, any> | AnyWork>(first: F, second: Second<F, Types.Options<WorkErrors<F>>>): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Timeout, Budget, I, A, any>
): Effect.Effect<Array<A>, Outcome.FailedExamples<I, A, E> | Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  Effect.flatMap(Collect.report(Plan.make(inputs, work, options)), Collect.validated))

/**
 * Runs work over every input, and gives values and failures apart.
 *
 * **When to use**
 *
 * Use when what succeeded is worth having whatever else failed.
 *
 * **Details**
 *
 * Shape: the values, and the failures with their inputs, each in input order. Errors: none for an input, whether it
 * fails or dies; with `maxErrors`, `TooManyErrors` as soon as so many have failed. Interruption stops everything, as in
 * `forEach`. Source: `Effect.partition`, with inputs and causes kept; `dspy.Parallel` with `return_failed_examples`.
 *
 * **Example** (Both sides)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 *
 * const [values, failures] = await Effect.runPromise(Parallel.partition([2, 3, 4], half))
 *
 * console.log(values) // => [1, 2]
 * console.log(failures.map((failure) => failure.input)) // => [3]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const partition: {
  <I, A, E, R, T extends Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): <EI = never, RI = never>(inputs: Types.Inputs<I, EI, RI>) => Effect.Effect<
    [values: Array<A>, failures: Array<Outcome.Failure<I, Timed<T, E>>>],
    Budgeted<M, I, A, Timed<T, E>> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <
    I,
    A,
    E,
    R,
    EI = never,
    RI = never,
    T extends Timeout = never,
    M extends Budget = never,
    J extends Journaling = NoJournaling
  >(
    inputs: Types.Inputs<I, EI, RI>,
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): Effect.Effect<
    [values: Array<A>, failures: Array<Outcome.Failure<I, Timed<T, E>>>],
    Budgeted<M, I, A, Timed<T, E>> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <F extends Types.Inputs<any, any, any> | AnyWork>(first: F, second: Second<F, Types.Options<WorkErrors<F>>>): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Timeout, Budget, I, A, any>
): Effect.Effect<
  [values: Array<A>, failures: Array<Outcome.Failure<I, E>>],
  Outcome.TooManyErrors<I, A, E> | EI,
  R | RI
> => Collect.sides(Plan.make(inputs, work, options)))

/**
 * Runs work over every input, and reports what became of each.
 *
 * **Details**
 *
 * Shape: a report with one outcome for each input, in input order: its value or cause, attempts, time and worker.
 * Errors: none for an input; with `maxErrors`, `TooManyErrors` as soon as so many have failed, with the report so far.
 * Interruption stops everything, as in `forEach`.
 *
 * **Example** (A report)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * let calls = 0
 * const flaky = (n: number) => Effect.suspend(() => ++calls === 1 ? Effect.fail("down") : Effect.succeed(n * n))
 *
 * const report = await Effect.runPromise(Parallel.run([1, 2, 3], flaky, { retry: { times: 2 } }))
 *
 * console.log(report.values) // => [1, 4, 9]
 * console.log(Report.tally(report).retried) // => 1
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const run: {
  <I, A, E, R, T extends Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): <EI = never, RI = never>(
    inputs: Types.Inputs<I, EI, RI>
  ) => Effect.Effect<
    Report.Report<I, A, Timed<T, E>>,
    Budgeted<M, I, A, Timed<T, E>> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <
    I,
    A,
    E,
    R,
    EI = never,
    RI = never,
    T extends Timeout = never,
    M extends Budget = never,
    J extends Journaling = NoJournaling
  >(
    inputs: Types.Inputs<I, EI, RI>,
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): Effect.Effect<
    Report.Report<I, A, Timed<T, E>>,
    Budgeted<M, I, A, Timed<T, E>> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <F extends Types.Inputs<any, any, any> | AnyWork>(first: F, second: Second<F, Types.Options<WorkErrors<F>>>): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Timeout, Budget, I, A, any>
): Effect.Effect<Report.Report<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  Collect.report(Plan.make(inputs, work, options)))

/**
 * Runs work over every input, and hands each outcome on while others still run.
 *
 * **Details**
 *
 * Shape: one outcome for each input; `order: "input"` (the default) hands them on in input order, `"completion"` each
 * as soon as it is there. A slow consumer slows the workers: never more than `concurrency + preDispatch` inputs are
 * pulled and not yet consumed (of a `Stream` of inputs, up to a chunk more). Errors: an input that fails is an outcome,
 * not an error of the stream; with `maxErrors` the stream fails with `TooManyErrors` after it has handed on every
 * outcome. A consumer that stops early, or is interrupted, stops the work, and waits for its finalizers.
 *
 * **Example** (The first that is done)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const wait = (millis: number) => Effect.succeed(millis).pipe(Effect.delay(millis))
 *
 * const first = Parallel.stream([5000, 1], wait, { order: "completion" }).pipe(
 *   Stream.take(1),
 *   Stream.map((outcome) => outcome.input),
 *   Stream.runCollect
 * )
 *
 * console.log(await Effect.runPromise(first)) // => [1]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const stream: {
  <I, A, E, R, T extends Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
    work: Types.Work<I, A, E, R>,
    options?: StreamOptions<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): <EI = never, RI = never>(
    inputs: Types.Inputs<I, EI, RI>
  ) => Stream.Stream<
    Outcome.Outcome<I, A, Timed<T, E>>,
    Budgeted<M, I, A, Timed<T, E>> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <
    I,
    A,
    E,
    R,
    EI = never,
    RI = never,
    T extends Timeout = never,
    M extends Budget = never,
    J extends Journaling = NoJournaling
  >(
    inputs: Types.Inputs<I, EI, RI>,
    work: Types.Work<I, A, E, R>,
    options?: StreamOptions<NoInfer<E>, T, M, NoInfer<I>, NoInfer<A>, J>
  ): Stream.Stream<
    Outcome.Outcome<I, A, Timed<T, E>>,
    Budgeted<M, I, A, Timed<T, E>> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <F extends Types.Inputs<any, any, any> | AnyWork>(first: F, second: Second<F, StreamOptions<WorkErrors<F>>>): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  { order = "input", ...options }: StreamOptions<E, Timeout, Budget, I, A, any> = {}
): Stream.Stream<Outcome.Outcome<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI, R | RI> => {
  oneOf("order", order, ["input", "completion"], `"input" or "completion"`)
  return RunStream.stream(Plan.make(inputs, work, options), order)
})

/**
 * Runs a tuple, an array or a record of effects with the options of this library, and keeps its shape.
 *
 * **Details**
 *
 * Shape: that of the effects, with their values. Errors: the first failure interrupts the rest, as in `forEach`.
 * Source: `Effect.all`.
 *
 * **Example** (A record)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const program = Parallel.all({ name: Effect.succeed("Ada"), born: Effect.succeed(1815) }, { concurrency: 2 })
 *
 * console.log(await Effect.runPromise(program)) // => { name: "Ada", born: 1815 }
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const all = <
  const Effects extends ReadonlyArray<AnyEffect> | Readonly<Record<string, AnyEffect>>,
  T extends Timeout = never
>(effects: Effects, options?: Types.Options<EffectErrors<Effects[keyof Effects]>, T>): Effect.Effect<
  { -readonly [K in keyof Effects]: EffectValue<Effects[K]> },
  Timed<T, EffectErrors<Effects[keyof Effects]>>,
  EffectServices<Effects[keyof Effects]>
> => {
  if (!isShape(effects)) wrongType("effects", "an array or a record of effects", effects)
  const keys = Object.keys(effects)
  const list: ReadonlyArray<AnyEffect> = Array.isArray(effects) ? effects : Object.values(effects)
  const values = Collect.values(Plan.make(list, identity<AnyEffect>, Plan.withoutJournal(options)))
  return (Array.isArray(effects)
    ? values
    : Effect.map(values, (values) => Object.fromEntries(keys.map((key, i) => [key, values[i]])))) as any
}

/**
 * Runs pairs of a work and its input, each work different if need be, and gathers their values.
 *
 * **When to use**
 *
 * Use for a few inputs that need different works; a pair may hold a whole nested run. Where failures are to be kept,
 * give the pairs to `run`, `partition`, `validate` or `stream` with `Parallel.pair` as the work.
 *
 * **Details**
 *
 * Shape: one value for each pair, in order, each of its own type. Errors: the first failure interrupts the rest, as in
 * `forEach`. Source: the `exec_pairs` of `dspy.Parallel`.
 *
 * **Example** (Two works, one of them a run)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const square = (n: number) => Effect.succeed(n * n)
 * const shout = (text: string) => Effect.succeed(text.toUpperCase())
 * const squares = (ns: ReadonlyArray<number>) => Parallel.forEach(ns, square)
 *
 * console.log(await Effect.runPromise(Parallel.pairs([[squares, [1, 2]], [shout, "hey"]]))) // => [[1, 4], "HEY"]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const pairs = <
  const Pairs extends ReadonlyArray<readonly [work: AnyWork, input: any]>,
  T extends Timeout = never
>(
  pairs: Pairs & Fitting<Pairs>,
  options?: Types.Options<EffectErrors<ReturnType<Pairs[number][0]>>, T, Budget, Pairs[number]>
): Effect.Effect<
  { -readonly [K in keyof Pairs]: EffectValue<ReturnType<Pairs[K][0]>> },
  Timed<T, EffectErrors<ReturnType<Pairs[number][0]>>>,
  EffectServices<ReturnType<Pairs[number][0]>>
> => {
  if (!Array.isArray(pairs)) wrongType("pairs", "an array of pairs", pairs)
  return Collect.values(Plan.make(pairs as Pairs, pair, Plan.withoutJournal(options))) as any
}

/**
 * The work of a pair on its input: what `pairs` does with each, for the other ways to run them.
 *
 * **Example** (Pairs that may fail)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const double = (n: number) => Effect.succeed(n * 2)
 *
 * const program = Parallel.partition([[half, 4], [half, 5], [double, 5]] as const, Parallel.pair)
 *
 * console.log((await Effect.runPromise(program))[0]) // => [2, 10]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const pair = <I, A, E, R>(
  [work, input]: readonly [work: Types.Work<I, A, E, R>, input: I],
  index: number
): Effect.Effect<A, E, R> => work(input, index)

/**
 * Sets options for all runs inside an effect, where they do not say otherwise. `retry` and `limit` are also those of the
 * `exec` of each node that does not state its own.
 *
 * **Details**
 *
 * A default retry belongs to the innermost: an attempt in which another run (or node) has taken the default retry is not
 * tried again by default, since what is inside has had its retries; a `retry` that a run states itself always holds. So an
 * input that always fails has three attempts under a default of `{ times: 2 }`, however deep the runs are nested. A default
 * limit is taken at each level. Under `Limit.concurrency` an attempt lends its permit to what it starts, so levels neither
 * exceed the limit nor wait for each other; under `Limit.rate` an attempt takes a token at each level.
 *
 * Options that change the type of a run (`timeout`, `maxErrors`, `journal`) and `name` cannot be set from outside: the error type
 * of what is inside would be a lie. An inner `withDefaults` goes before an outer one, option by option. Source:
 * joblib's `parallel_config`.
 *
 * **Example** (One at a time, for debugging)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const program = Parallel.forEach([1, 2, 3], (n) => Effect.succeed(n * 2))
 *
 * console.log(await Effect.runPromise(program.pipe(Parallel.withDefaults({ concurrency: 1 })))) // => [2, 4, 6]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withDefaults: {
  (options: Types.DefaultOptions): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, options: Types.DefaultOptions): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, options: Types.DefaultOptions): Effect.Effect<A, E, R> =>
    Effect.updateService(self, Plan.Defaults, Plan.defaults(options))
)

/**
 * Runs everything inside an effect one after another and in this process: the way to debug a flow.
 *
 * **Details**
 *
 * Every run, batch node and batch flow inside has a `concurrency` of 1, and every task runs on `Backend.async`, whatever
 * they state themselves and whatever layer is provided inside. Everything else holds: timeouts, retries, limits, error
 * budgets. Errors: those of the effect.
 *
 * **Example** (The order in which things happen)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const log: Array<string> = []
 * const step = (n: number) =>
 *   Effect.sync(() => log.push(`begin ${n}`)).pipe(
 *     Effect.andThen(Effect.sleep("1 millis")),
 *     Effect.andThen(Effect.sync(() => log.push(`end ${n}`)))
 *   )
 * await Effect.runPromise(Parallel.sequential(Parallel.forEach([1, 2], step, { concurrency: 8 })))
 *
 * console.log(log) // => ["begin 1", "end 1", "begin 2", "end 2"]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const sequential = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Sequential, true)

/** True if a value is an array, or an object that is read by its keys. */
const isShape = (u: unknown): boolean =>
  Array.isArray(u) || (typeof u === "object" && u !== null && !(Symbol.iterator in u))

/** Pairs in which each input has the type that its work takes. */
type Fitting<Pairs extends ReadonlyArray<readonly [work: AnyWork, input: any]>> = {
  readonly [K in keyof Pairs]: readonly [work: Pairs[K][0], input: Parameters<Pairs[K][0]>[0]]
}

/**
 * The attempt that is under way, seen from inside the work: which input of which run, and which try.
 *
 * **When to use**
 *
 * Use where the work tells others what it is: an idempotency header that stays the same over retries and when a journal
 * resumes, a log line, a file name.
 *
 * **Details**
 *
 * It tells of the innermost run around, and on workers and machines of the same one as here: a task that is called by itself
 * is part of the attempt that calls it. In the `exec` of a node, `run` is the path of the node, `index` 0, and `key` that of
 * the flow's journal. Errors: `NoSuchElementError` outside of an attempt.
 *
 * **Gotchas**
 *
 * A fiber that outlives its attempt (`Effect.forkDetach`) may find the next one of its lane: read it before.
 *
 * **Example** (Which try it is)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const work = (url: string) =>
 *   Effect.flatMap(Parallel.attempt, ({ attempt, index, run }) =>
 *     attempt === 1 ? Effect.fail("busy") : Effect.succeed(`${run} #${index}, try ${attempt}: ${url}`))
 * const program = Parallel.forEach(["a", "b"], work, { name: "pages", retry: { times: 1 } })
 *
 * console.log(await Effect.runPromise(program)) // => ["pages #0, try 2: a", "pages #1, try 2: b"]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const attempt: Effect.Effect<Attempt.CurrentAttempt, Cause.NoSuchElementError> = Attempt.current
