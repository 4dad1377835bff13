/**
 * A backend for tests: it runs tasks on fibers, records each call, and lets calls fail, stall or crash.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Backend from "../Backend.ts"

/**
 * One attempt at an input of a task.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  /** Name of the task. */
  readonly task: string
  /** Index of the input in its run, from 0; undefined for a task that is called directly. */
  readonly index: number | undefined
  /** The input. */
  readonly input: unknown
  /** Number of the attempt at this index by this task, from 1. */
  readonly attempt: number
  /** Number of the batch, from 0, in the order in which the backend got them. */
  readonly batch: number
}

/**
 * What happens to a call: it runs, fails, stalls until `release`, or ends its worker.
 *
 * @category models
 * @since 0.1.0
 */
export type Behaviour =
  | { readonly _tag: "Run" }
  | { readonly _tag: "Fail"; readonly error: unknown }
  | { readonly _tag: "Stall" }
  | { readonly _tag: "Crash"; readonly exitCode: number }

/**
 * The calls that the backend has seen, and a way to release those that stall.
 *
 * @category services
 * @since 0.1.0
 */
export class TestBackend extends Context.Service<TestBackend, {
  /** The calls that have started, in the order in which they did. */
  readonly started: Effect.Effect<ReadonlyArray<Call>>
  /** The calls that run or stall at the moment. */
  readonly running: Effect.Effect<ReadonlyArray<Call>>
  /** Lets every call run that stalls at the moment. */
  readonly release: Effect.Effect<void>
}>()("effect-parallel/testing/TestBackend") {}

/**
 * The call runs as on the default backend.
 *
 * @category behaviours
 * @since 0.1.0
 */
export const run: Behaviour = { _tag: "Run" }

/**
 * The call fails with an error, as if the task had failed with it.
 *
 * **Details**
 *
 * The error passes through the error schema of the task, if it has one.
 *
 * **Example** (Testing a retry)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Task } from "effect-parallel"
 * import { TestBackend } from "effect-parallel/testing"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 * const failingOnce = TestBackend.layer({
 *   when: ({ attempt }) => attempt === 1 ? TestBackend.fail("down") : TestBackend.run
 * })
 *
 * const program = Parallel.run([1, 2], double, { retry: { times: 1 } }).pipe(Effect.provide(failingOnce))
 *
 * console.log((await Effect.runPromise(program)).outcomes.map(({ attempts }) => attempts)) // => [2, 2]
 * ```
 *
 * @category behaviours
 * @since 0.1.0
 */
export const fail = (error: unknown): Behaviour => ({ _tag: "Fail", error })

/**
 * The call stalls until it is released, interrupted or timed out.
 *
 * @category behaviours
 * @since 0.1.0
 */
export const stall: Behaviour = { _tag: "Stall" }

/**
 * The worker ends at this call, which fails with `BackendError` (`WorkerCrashed`).
 *
 * **Details**
 *
 * The remaining inputs of its batch are dispatched again. The default exit code is 1.
 *
 * **Example** (Testing how a program survives a crash)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Task } from "effect-parallel"
 * import { TestBackend } from "effect-parallel/testing"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 *
 * const program = double(4).pipe(
 *   Effect.catchReason("BackendError", "WorkerCrashed", ({ exitCode }) => Effect.succeed(`exit code ${exitCode}`)),
 *   Effect.provide(TestBackend.layer({ when: () => TestBackend.crash(137) }))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => "exit code 137"
 * ```
 *
 * @category behaviours
 * @since 0.1.0
 */
export const crash = (exitCode = 1): Behaviour => ({ _tag: "Crash", exitCode })

/**
 * Provides the backend, and the service that returns its calls.
 *
 * **Details**
 *
 * All times are measured with the provided clock, such as the `TestClock`: the timeout of a call that stalls, and the
 * times in reports.
 *
 * **Example** (Counting the attempts at a task that fails once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Task } from "effect-parallel"
 * import { TestBackend } from "effect-parallel/testing"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 *
 * const program = Effect.gen(function*() {
 *   const values = yield* Parallel.forEach([1, 2], double, { retry: { times: 1 } })
 *   const started = yield* TestBackend.TestBackend.use((backend) => backend.started)
 *   return { values, attempts: started.map(({ attempt, index }) => `${index}: ${attempt}`).sort() }
 * }).pipe(Effect.provide(TestBackend.layer({
 *   when: ({ attempt, index }) => index === 0 && attempt === 1 ? TestBackend.fail("once") : TestBackend.run
 * })))
 *
 * console.log(await Effect.runPromise(program)) // => { values: [2, 4], attempts: ["0: 1", "0: 2", "1: 1"] }
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: {
  /** How many workers the backend has: a positive integer, or `Infinity`. Default: 2. */
  readonly workers?: number | undefined
  /**
   * Whether the backend takes several inputs in a batch, as threads and processes do. Then a call that stalls delays
   * the inputs behind it in its batch, until another worker asks for them. Default: false.
   */
  readonly batches?: boolean | undefined
  /** Decides what happens to a call, when it starts. Default: every call runs. */
  readonly when?: ((call: Call) => Behaviour) | undefined
} = {}): Layer.Layer<TestBackend> =>
  Layer.effectContext(Effect.sync(() => {
    const { batches: takesBatches = false, when = () => run, workers = 2 } = options
    const started: Array<Call> = []
    const running = new Set<Call>()
    const stalled = new Set<Deferred.Deferred<void>>()
    const attempts = new Map<string, number>()
    let batches = 0

    const stalling = Effect.suspend(() => {
      const released = Deferred.makeUnsafe<void>()
      stalled.add(released)
      return Effect.ensuring(Deferred.await(released), Effect.sync(() => stalled.delete(released)))
    })

    const behave = <I, A, E>(
      behaviour: Behaviour,
      job: Backend.Job<I, A, E>
    ): Backend.Job<I, A, E> => {
      switch (behaviour._tag) {
        case "Fail":
          return { ...copyOf(job), run: () => Effect.fail(behaviour.error as E) }
        case "Stall":
          return { ...copyOf(job), run: (payload) => Effect.andThen(stalling, Effect.suspend(() => job.run(payload))) }
        default:
          return job
      }
    }

    const execute: Backend.Backend["execute"] = (job, batch, onExit) =>
      Effect.clockWith((clock) => executeAt(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6, job, batch, onExit))

    const executeAt = <I, A, E>(
      now: () => number,
      job: Backend.Job<I, A, E>,
      batch: Backend.Batch<I>,
      onExit: Backend.OnExit<A, E>
    ): Effect.Effect<void, never, Scope.Scope> => {
      const number = batches++
      const { recall } = batch
      let position = 0
      let crashed = false
      const one = Effect.suspend(() => {
        const index = batch.index(position)
        const input = batch.inputs[position]
        const key = `${index} ${job.name}`
        const attempt = (attempts.get(key) ?? 0) + 1
        attempts.set(key, attempt)
        const call: Call = { task: job.name, index, input, attempt, batch: number }
        started.push(call)
        const behaviour = when(call)
        const startedAt = now()
        running.add(call)
        crashed = behaviour._tag === "Crash"
        const exit = behaviour._tag === "Crash"
          ? Effect.succeed(Exit.fail(crashOf(job, index, behaviour.exitCode)))
          : runHere(behave(behaviour, job), batch, position)
        return exit.pipe(
          Effect.map((exit) => onExit(position++, exit as never, undefined, startedAt, now())),
          Effect.onInterrupt(() => Effect.sync(() => batch.interrupted?.(position, undefined, startedAt))),
          Effect.ensuring(Effect.sync(() => running.delete(call)))
        )
      })
      // the calls behind the running one are given back
      recall?.signal.addEventListener("abort", () => recall.giveBack(position + 1), { once: true })
      const until = batch.budget === undefined ? Infinity : now() + Duration.toMillis(batch.budget)
      const mayContinue = () => recall?.signal.aborted !== true && now() <= until
      return Effect.whileLoop({
        while: () => !crashed && position < batch.inputs.length && (position === 0 || mayContinue()),
        body: () => one,
        step: () => {}
      })
    }

    return Context.make(TestBackend, {
      started: Effect.sync(() => [...started]),
      running: Effect.sync(() => [...running]),
      release: Effect.sync(() => {
        for (const released of stalled.values().toArray()) Deferred.doneUnsafe(released, Exit.void)
      })
    }).pipe(Context.add(Backend.Backend, { name: "test", workers, batches: takesBatches, execute }))
  }))

/** Copies a job. A task is a function, so a spread does not copy its name. */
const copyOf = <I, A, E>(job: Backend.Job<I, A, E>): Backend.Job<I, A, E> => ({ ...job, name: job.name })

const runHere = <I, A, E>(job: Backend.Job<I, A, E>, batch: Backend.Batch<I>, position: number) =>
  Effect.suspend(() => {
    let exit: Exit.Exit<A, E | Backend.BackendError | Cause.TimeoutError> = Exit.failCause(Cause.empty)
    return Effect.map(
      Backend.async.execute(job, Backend.batchOfOne(batch, position), (_, result) => exit = result),
      () => exit
    )
  })

const crashOf = (job: Backend.Job<never, unknown, unknown>, index: number | undefined, exitCode: number) =>
  new Backend.BackendError({
    backend: "test",
    task: job.name,
    ...(index !== undefined && { index }),
    reason: new Backend.WorkerCrashed({ exitCode, stderr: "" })
  })
