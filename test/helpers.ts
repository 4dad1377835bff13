import { type Duration, Effect, Exit, Fiber, Schema, Tracer } from "effect"
import { TestClock } from "effect/testing"

/** An error with a class and a field, to check that both survive. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { n: Schema.Finite }) {}

/** Counts works: how many run at the same time, and which have started, ended, and been interrupted. */
export class Probe {
  running = 0
  most = 0
  readonly started: Array<number> = []
  readonly ended: Array<number> = []
  readonly interrupted: Array<number> = []

  /** Watches a work from its start to the end of its finalizers. */
  readonly watch = <A, E, R>(index: number, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) => {
      this.started.push(index)
      this.most = Math.max(this.most, ++this.running)
      return Effect.onExit(restore(work), (exit) =>
        Effect.sync(() => {
          this.running--
          if (Exit.hasInterrupts(exit)) this.interrupted.push(index)
          else this.ended.push(index)
        }))
    })
}

/** Numbers from 0. */
export const range = (length: number): Array<number> => Array.from({ length }, (_, i) => i)

/** Returns the milliseconds of processor time of this thread. The work of other programs does not count. */
export const worked = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** Waits for the real event loop, for works that wait for promises outside the test clock. */
export const turn: Effect.Effect<void> = Effect.callback((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits until fibers that yield after this few operations have reached the point where they wait. */
export const turns = (budget: number): Effect.Effect<void> =>
  budget >= 100 ? turn : Effect.repeat(turn, { times: Math.ceil(400 / budget) })

/** Moves the test clock, after all work waits for the clock. */
export const pass = (time: Duration.Input): Effect.Effect<void> =>
  Effect.andThen(turns(1), TestClock.adjust(time)).pipe(Effect.andThen(turns(1)))

/** Runs an effect to its exit while the test clock moves on, with a `pause` before each step. */
export const drive = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  step: `${number} ${"millis" | "seconds" | "minutes" | "hours"}` = "1 hours",
  steps = 200,
  pause = turn
): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    for (let i = 0; i < steps && fiber.pollUnsafe() === undefined; i++) {
      yield* pause
      yield* TestClock.adjust(step)
    }
    const exit = fiber.pollUnsafe()
    if (exit === undefined) {
      yield* Fiber.interrupt(fiber)
      return yield* Effect.die(new Error("the effect did not end"))
    }
    return exit
  })

/** An iterable of numbers that counts pulls, records whether it was closed, and may throw. */
export class Counted implements Iterable<number> {
  pulled = 0
  closed = 0
  private readonly length: number
  private readonly throwsAt: number
  private readonly defect: unknown
  constructor(length = Infinity, throwsAt = -1, defect?: unknown) {
    this.length = length
    this.throwsAt = throwsAt
    this.defect = defect
  }
  [Symbol.iterator](): Iterator<number> {
    let next = 0
    return {
      next: () => {
        if (next >= this.length) return { done: true, value: undefined }
        this.pulled++
        if (next === this.throwsAt) throw this.defect
        return { done: false, value: next++ }
      },
      return: () => {
        this.closed++
        return { done: true, value: undefined }
      }
    }
  }
}

/** The same as an async iterable. `gate` may delay a pull. */
export class CountedAsync implements AsyncIterable<number> {
  pulled = 0
  closed = 0
  private readonly length: number
  private readonly gate: (n: number) => Promise<void> | undefined
  constructor(length = Infinity, gate: (n: number) => Promise<void> | undefined = () => undefined) {
    this.length = length
    this.gate = gate
  }
  [Symbol.asyncIterator](): AsyncIterator<number> {
    let next = 0
    return {
      next: async () => {
        if (next >= this.length) return { done: true, value: undefined }
        const n = next++
        this.pulled++
        await this.gate(n)
        return { done: false, value: n }
      },
      return: async () => {
        this.closed++
        return { done: true, value: undefined }
      }
    }
  }
}

/** A tracer that keeps every span it makes. */
export const spanRecorder = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}
