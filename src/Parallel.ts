/**
 * Runs one piece of work over many inputs.
 *
 * All functions here use the same engine. They differ in what happens to failures: `forEach` stops at the first one,
 * `validate` runs every input and then fails with all failures, `partition` and `run` return values and failures, and
 * `stream` emits each outcome while other inputs still run.
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
  InputsOrWork,
  Journaled,
  Journaling,
  JournalService,
  NoJournaling,
  Timed,
  WorkErrors,
  WorkOrOptions
} from "./run/types.ts"
import * as Attempt from "./task/attempt.ts"
import { Sequential } from "./task/sequential.ts"

/** @since 0.1.0 */
export type { DefaultOptions, Inputs, Options, RetryOption, Work } from "./run/types.ts"

/** @since 0.1.0 */
export type {
  Budget,
  Budgeted,
  Journaled,
  Journaling,
  JournalOption,
  JournalService,
  LimitOption,
  NoJournaling,
  Timed,
  Timeout
} from "./run/types.ts"

/** @since 0.1.0 */
export type { CurrentAttempt } from "./task/attempt.ts"

/**
 * The options of `stream`: those of every run, and `order`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamOptions<
  E = unknown,
  T extends Types.Timeout = Types.Timeout,
  M extends Budget = Budget,
  I = unknown,
  A = unknown,
  J extends Journaling = never
> extends Types.Options<E, T, M, I, A, J> {
  /**
   * Order in which outcomes are emitted: `"input"` (the default) is the order of the inputs, `"completion"` emits each
   * as soon as it is settled.
   */
  readonly order?: "input" | "completion" | undefined
}

/** True if the first argument is the inputs, not the work. */
const isDataFirst = (args: IArguments): boolean => typeof args[0] !== "function"

/**
 * Runs work over every input and collects the values. The first failure interrupts the remaining work.
 *
 * @category running
 * @since 0.1.0
 */
export const forEach: {
  /**
   * Runs work over every input and collects the values. The first failure interrupts the remaining work.
   *
   * **When to use**
   *
   * Use when one failure makes the other values worthless. `partition` and `run` keep the values of the inputs that
   * succeeded, `validate` fails with every failure, and `stream` emits results while other inputs still run.
   *
   * **Details**
   *
   * Returns one value per input, in input order. `concurrency` defaults to 8 for functions, and to the number of
   * workers of the backend for tasks.
   *
   * Fails with the cause of the first failure, unchanged: a typed error or a defect. If other attempts die while they
   * are interrupted, the cause stays the same, and their defects are logged. `timeout` adds `TimeoutError`, `journal`
   * adds `JournalError`, a task adds `BackendError`, and a stream of inputs adds its own error.
   *
   * Interruption stops every attempt, waits for its finalizers and closes the inputs.
   *
   * This is `Effect.forEach` with bounded concurrency, over inputs that may also be asynchronous or infinite.
   *
   * **Example** (Measuring texts, two at a time)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Parallel } from "effect-parallel"
   *
   * const length = (text: string) => Effect.succeed(text.length).pipe(Effect.delay("1 millis"))
   *
   * const program = Parallel.forEach(["a", "bb", "ccc"], length, { concurrency: 2, timeout: "1 second" })
   *
   * console.log(await Effect.runPromise(program)) // => [1, 2, 3]
   * ```
   */
  <I, A, E, R, T extends Types.Timeout = never, J extends Journaling = NoJournaling>(
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, Budget, NoInfer<I>, NoInfer<A>, J>
  ): <EI = never, RI = never>(
    inputs: Types.Inputs<I, EI, RI>
  ) => Effect.Effect<
    Array<A>,
    Timed<T, E> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <I, A, E, R, EI = never, RI = never, T extends Types.Timeout = never, J extends Journaling = NoJournaling>(
    inputs: Types.Inputs<I, EI, RI>,
    work: Types.Work<I, A, E, R>,
    options?: Types.Options<NoInfer<E>, T, Budget, NoInfer<I>, NoInfer<A>, J>
  ): Effect.Effect<
    Array<A>,
    Timed<T, E> | Journaled<J, I, A, Timed<T, E>> | NoInfer<EI>,
    R | JournalService<J> | NoInfer<RI>
  >
  <F>(
    inputsOrWork: F & InputsOrWork<F>,
    ...workOrOptions: WorkOrOptions<F, Types.Options<WorkErrors<F>>>
  ): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Types.Timeout, Budget, I, A, any>
): Effect.Effect<Array<A>, E | EI, R | RI> => Collect.values(Plan.make(inputs, work, options)))

/**
 * Runs work over every input, and fails with all failures if there are any.
 *
 * @category running
 * @since 0.1.0
 */
export const validate: {
  /**
   * Runs work over every input, and fails with all failures if there are any.
   *
   * **When to use**
   *
   * Use when every input has to succeed, and you want to see every failure, not only the first.
   *
   * **Details**
   *
   * Returns one value per input, in input order. If inputs fail, the error is `FailedExamples`, which has every failed
   * input, its cause, and the report of the whole run. With `maxErrors`, the run stops with `TooManyErrors` as soon as
   * that many inputs have failed. A defect is a failure of its input. Interruption is not a failure: it stops
   * everything, as in `forEach`.
   *
   * **Example** (Collecting every failure)
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
   */
  <I, A, E, R, T extends Types.Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
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
    T extends Types.Timeout = never,
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
  <F>(
    inputsOrWork: F & InputsOrWork<F>,
    ...workOrOptions: WorkOrOptions<F, Types.Options<WorkErrors<F>>>
  ): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Types.Timeout, Budget, I, A, any>
): Effect.Effect<Array<A>, Outcome.FailedExamples<I, A, E> | Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  Effect.flatMap(Collect.report(Plan.make(inputs, work, options)), Collect.validated))

/**
 * Runs work over every input, and returns values and failures separately.
 *
 * @category running
 * @since 0.1.0
 */
export const partition: {
  /**
   * Runs work over every input, and returns values and failures separately.
   *
   * **When to use**
   *
   * Use when the values of the inputs that succeeded are worth having even if other inputs fail.
   *
   * **Details**
   *
   * Returns the values, and the failures with their inputs, each in input order. An input that fails or dies is a
   * failure, not an error of the effect. With `maxErrors`, the run stops with `TooManyErrors` as soon as that many
   * inputs have failed. Interruption stops everything, as in `forEach`.
   *
   * This is `Effect.partition` with inputs and causes kept, or `dspy.Parallel` with `return_failed_examples`.
   *
   * **Example** (Separating values and failures)
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
   */
  <I, A, E, R, T extends Types.Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
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
    T extends Types.Timeout = never,
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
  <F>(
    inputsOrWork: F & InputsOrWork<F>,
    ...workOrOptions: WorkOrOptions<F, Types.Options<WorkErrors<F>>>
  ): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Types.Timeout, Budget, I, A, any>
): Effect.Effect<
  [values: Array<A>, failures: Array<Outcome.Failure<I, E>>],
  Outcome.TooManyErrors<I, A, E> | EI,
  R | RI
> => Collect.sides(Plan.make(inputs, work, options)))

/**
 * Runs work over every input, and returns a report with the outcome of each.
 *
 * @category running
 * @since 0.1.0
 */
export const run: {
  /**
   * Runs work over every input, and returns a report with the outcome of each.
   *
   * **When to use**
   *
   * Use when you want to know what happened to each input: how many attempts it took, how long, and why it failed.
   *
   * **Details**
   *
   * The report has one outcome per input, in input order: its value or cause, attempts, time and worker. An input that
   * fails or dies is an outcome, not an error of the effect. With `maxErrors`, the run stops with `TooManyErrors` as
   * soon as that many inputs have failed; the error has the report so far. Interruption stops everything, as in
   * `forEach`.
   *
   * **Example** (Counting retried inputs)
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
   */
  <I, A, E, R, T extends Types.Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
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
    T extends Types.Timeout = never,
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
  <F>(
    inputsOrWork: F & InputsOrWork<F>,
    ...workOrOptions: WorkOrOptions<F, Types.Options<WorkErrors<F>>>
  ): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  options?: Types.Options<E, Types.Timeout, Budget, I, A, any>
): Effect.Effect<Report.Report<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  Collect.report(Plan.make(inputs, work, options)))

/**
 * Runs work over every input, and emits each outcome while other inputs still run.
 *
 * @category running
 * @since 0.1.0
 */
export const stream: {
  /**
   * Runs work over every input, and emits each outcome while other inputs still run.
   *
   * **When to use**
   *
   * Use to process outcomes as they arrive, or when there are too many to keep in memory.
   *
   * **Details**
   *
   * Emits one outcome per input. With `order: "input"` (the default) outcomes come in input order, with `"completion"`
   * each comes as soon as it is settled.
   *
   * A slow consumer slows the work down: at most `concurrency + preDispatch` inputs are pulled and not yet consumed;
   * with a `Stream` of inputs, up to one chunk more.
   *
   * An input that fails or dies is an outcome, not an error of the stream. With `maxErrors`, the stream first emits
   * every outcome, and then fails with `TooManyErrors`. If the consumer stops early or is interrupted, the work stops
   * too, and its finalizers run before the stream ends.
   *
   * **Example** (Taking the first result)
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
   */
  <I, A, E, R, T extends Types.Timeout = never, M extends Budget = never, J extends Journaling = NoJournaling>(
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
    T extends Types.Timeout = never,
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
  <F>(
    inputsOrWork: F & InputsOrWork<F>,
    ...workOrOptions: WorkOrOptions<F, StreamOptions<WorkErrors<F>>>
  ): unknown
} = dual(isDataFirst, <I, A, E, R, EI, RI>(
  inputs: Types.Inputs<I, EI, RI>,
  work: Types.Work<I, A, E, R>,
  { order = "input", ...options }: StreamOptions<E, Types.Timeout, Budget, I, A, any> = {}
): Stream.Stream<Outcome.Outcome<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI, R | RI> => {
  oneOf("order", order, ["input", "completion"], `"input" or "completion"`)
  return RunStream.stream(Plan.make(inputs, work, options), order)
})

/**
 * Runs a tuple, an array or a record of effects with the options of a run, and keeps its shape.
 *
 * **Details**
 *
 * Returns the values in the shape of the effects. The first failure interrupts the remaining effects, as in `forEach`.
 * This is `Effect.all` with timeouts, retries and limits.
 *
 * **Example** (Running a record of effects)
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
  T extends Types.Timeout = never
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
 * Runs each pair of a work and its input, and collects the values. Each work may be different.
 *
 * **When to use**
 *
 * Use for a few inputs that need different work; a pair may hold a whole nested run. To keep failures, give the pairs
 * to `run`, `partition`, `validate` or `stream`, with `Parallel.pair` as the work.
 *
 * **Details**
 *
 * Returns one value per pair, in order, each with its own type. The first failure interrupts the remaining pairs, as in
 * `forEach`. This is `exec_pairs` of `dspy.Parallel`.
 *
 * **Example** (Running two works, one of them a run)
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
  T extends Types.Timeout = never
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
 * Runs the work of a pair on its input, which lets any run take pairs.
 *
 * **When to use**
 *
 * Use as the work of `run`, `partition`, `validate` or `stream` over pairs. `pairs` does the same and stops at the
 * first failure.
 *
 * **Example** (Running pairs that may fail)
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
 * Sets default options for all runs inside an effect. Options that a run sets itself take precedence.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withDefaults: {
  /**
   * Sets default options for all runs inside an effect. Options that a run sets itself take precedence.
   *
   * **Details**
   *
   * The defaults `retry` and `limit` also apply to the `exec` of each node that sets none.
   *
   * A default retry is used at the innermost level only: if a run (or node) inside an attempt has used it, the attempt
   * itself is not retried by default. So an input that always fails has three attempts under a default of
   * `{ times: 2 }`, however deep runs are nested. A `retry` that a run sets itself always applies.
   *
   * A default limit is taken at each level. Under `Limit.concurrency`, an attempt lends its permit to the runs that it
   * starts, so the levels neither exceed the limit nor wait for each other. Under `Limit.rate`, an attempt takes a
   * token at each level.
   *
   * `timeout`, `maxErrors` and `journal` cannot be set from outside, since they change the error type of a run. Nor can
   * `name`. An inner `withDefaults` takes precedence over an outer one, option by option. This is `parallel_config` of
   * joblib.
   *
   * **Example** (Running one input at a time, to debug)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Parallel } from "effect-parallel"
   *
   * const program = Parallel.forEach([1, 2, 3], (n) => Effect.succeed(n * 2))
   *
   * console.log(await Effect.runPromise(program.pipe(Parallel.withDefaults({ concurrency: 1 })))) // => [2, 4, 6]
   * ```
   */
  (options: Types.DefaultOptions): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, options: Types.DefaultOptions): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, options: Types.DefaultOptions): Effect.Effect<A, E, R> =>
    Effect.updateService(self, Plan.Defaults, Plan.defaults(options))
)

/**
 * Runs everything inside an effect sequentially and in this process.
 *
 * **When to use**
 *
 * Use to debug a run or a flow.
 *
 * **Details**
 *
 * Every run, batch node and batch flow inside has a `concurrency` of 1, and every task runs on `Backend.async`,
 * whatever options they set and whatever layers are provided inside. Everything else still applies: timeouts, retries,
 * limits and error budgets. The type of the effect stays the same.
 *
 * **Example** (Seeing the order in which things happen)
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

/** True if a value is an array, or an object with keys and no iterator. */
const isShape = (u: unknown): boolean =>
  Array.isArray(u) || (typeof u === "object" && u !== null && !(Symbol.iterator in u))

/** Pairs in which each input has the type that its work accepts. */
type Fitting<Pairs extends ReadonlyArray<readonly [work: AnyWork, input: any]>> = {
  readonly [K in keyof Pairs]: readonly [work: Pairs[K][0], input: Parameters<Pairs[K][0]>[0]]
}

/**
 * The current attempt, as the work sees it: which input of which run, and which try.
 *
 * **When to use**
 *
 * Use when the work has to identify itself to others: an idempotency key that stays the same over retries and after a
 * journal resumes, a log line, a file name.
 *
 * **Details**
 *
 * This is the attempt of the innermost run. It is the same on workers and machines as in the program; a task that is
 * called directly is part of the attempt that calls it. In the `exec` of a node, `run` is the path of the node, `index`
 * is 0, and `key` is that of the flow's journal. Outside of an attempt it fails with `NoSuchElementError`.
 *
 * **Gotchas**
 *
 * A fiber that outlives its attempt (`Effect.forkDetach`) may see a later attempt instead. Read `Parallel.attempt`
 * before you fork.
 *
 * **Example** (Finding out which try it is)
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
