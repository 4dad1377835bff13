/** Programs on workers, in real time: the same runs, whose works are one task that gets its action as payload. */
import { Backend, Limit, type Outcome, Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { insist, judge, type Result } from "./judge.ts"
import type { Expected, Program, Run } from "./program.ts"
import { type Order, perform, type Reply } from "./tasks.ts"
import { mildNames } from "./values.ts"

/** Time limit of a program. The computer may be busy, and each crash costs the start of a worker. */
const ceiling = "120 seconds"

const options = { grace: "200 millis", workers: 2 } as const

const layers = {
  threads: () => Threads.layer(options),
  processes: () => Processes.layer(options)
} as const

const ordersOf = (run: Run): ReadonlyArray<Order> => run.works.map(([act], index) => ({ index, act: act! }))

const inputDefect = new Error("the inputs threw")

const inputsOf = (run: Run): Parallel.Inputs<Order> => {
  const orders = ordersOf(run)
  const generate = function*() {
    for (const order of orders) {
      if (order.index === run.throwsAt) throw inputDefect
      yield order
    }
  }
  switch (run.inputs) {
    case "array":
      return orders
    case "iterator":
      return orders.values()
    case "async iterable":
      return (async function*() {
        yield* generate()
      })()
    case "stream":
      return Stream.fromIterable(generate(), { chunkSize: 2 })
    default:
      return generate()
  }
}

/** Number of attempts that were not lost with a worker. Which ones are lost depends on when it ended. */
const startsOf = ({ attempts, history }: Outcome.Outcome<unknown, unknown, unknown>): number =>
  attempts - history.filter(({ end }) => end === "Lost").length

/** True if an outcome belongs to its input. The result contains the index. */
const fits =
  (run: Run) =>
  (outcome: Outcome.Outcome<unknown, unknown, unknown>, { act, attempts, late, tag }: Expected): boolean => {
    const { index } = outcome
    if ((outcome.input as Order).index !== index) return false
    // values that cannot cross fail their input with typed errors; the engine does not decide which values these are
    const crosses = mildNames.includes(act.value)
    if (outcome._tag === "Success") return tag === "Success" && (outcome.value as Reply).index === index
    const error = Option.getOrUndefined(Cause.findErrorOption(outcome.cause))
    if (tag === "Success") return !crosses && error instanceof Backend.BackendError && error.index === index
    if (startsOf(outcome) !== attempts && crosses && run.stragglers === undefined) return false
    if (late) return Cause.isTimeoutError(error)
    switch (act.kind) {
      case "exit":
      case "kill":
      case "uncaught":
        return error instanceof Backend.BackendError && error.reason._tag === "WorkerCrashed" && error.index === index
      case "fail":
        return crosses
          ? (error as { readonly index?: unknown } | undefined)?.index === index
          : error !== undefined
      default: {
        const defect = Cause.squash(outcome.cause) as { readonly index?: unknown } | undefined
        return !crosses || defect?.index === index
      }
    }
  }

const start = (run: Run): Effect.Effect<Result, unknown> => {
  const inputs = inputsOf(run)
  const options = {
    concurrency: run.concurrency,
    timeout: run.timeout,
    retry: run.retries === 0
      ? undefined
      : { times: run.retries, ...(run.delay > 0 && { schedule: Schedule.spaced(run.delay) }) },
    maxErrors: run.maxErrors,
    preDispatch: run.preDispatch,
    batchSize: run.batchSize,
    spans: run.spans,
    stragglers: run.stragglers === undefined ? undefined : { ...run.stragglers, after: 10 * run.stragglers.after },
    limit: run.limits.length === 0 ? undefined : Limit.concurrency(3)
  }
  switch (run.mode) {
    case "run":
      return Effect.map(Parallel.run(inputs, perform, options), ({ elapsed, outcomes }) => ({ elapsed, outcomes }))
    case "partition":
      return Effect.map(Parallel.partition(inputs, perform, options), ([values, failures]) => ({ values, failures }))
    case "validate":
      return Effect.map(Parallel.validate(inputs, perform, options), (values) => ({ values }))
    case "forEach":
      return Effect.map(Parallel.forEach(inputs, perform, options), (values) => ({ values }))
    default:
      return Effect.map(
        Stream.runCollect(Parallel.stream(inputs, perform, { ...options, order: run.mode })),
        (outcomes) => ({ outcomes })
      )
  }
}

const check = (program: Program): Effect.Effect<void> =>
  Effect.gen(function*() {
    const fibers = yield* Effect.forEach(program.runs, (run) => Effect.forkChild(start(run)))
    yield* Effect.forEach(program.runs, ({ interruptAt }, k) =>
      interruptAt < 0 ? Effect.void : Effect.forkChild(Effect.delay(Fiber.interrupt(fibers[k]!), 4 * interruptAt)), {
      discard: true
    })
    const exits = yield* Effect.timeoutOption(Fiber.awaitAll(fibers), ceiling)
    insist(Option.isSome(exits), () =>
      `the program did not end in ${ceiling}`)
    for (const [k, run] of program.runs.entries()) {
      const exit = Option.getOrThrow(exits)[k] as Exit.Exit<Result, unknown>
      try {
        judge({
          run,
          exit,
          inputDefect,
          fits: fits(run),
          alone: run.concurrency !== "unbounded" && run.concurrency <= 2,
          exact: run.works.flat().every(({ value }) =>
            mildNames.includes(value)
          )
        })
      } catch (error) {
        throw new Error(`run ${k}: ${(error as Error).message}`, { cause: error })
      }
    }
  }).pipe(Effect.provide(Logger.layer([])))

/** Checks programs on shared workers. Dispose of it after the last program. */
export const checkOn = (backend: "threads" | "processes") => {
  const runtime = ManagedRuntime.make(layers[backend]())
  return {
    check: (program: Program): Promise<void> => runtime.runPromise(check(program)),
    [Symbol.asyncDispose]: () => runtime.dispose()
  }
}
