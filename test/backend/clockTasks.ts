import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** Reads the monotonic clock of the machine, in milliseconds. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

const loadedAt = now()

/** The times that a task has read: when its module was loaded in its worker, and when it began. */
export interface Reading {
  readonly loadedAt: number
  readonly beganAt: number
}

export class Late extends Schema.TaggedError<Late>()("Late", { loadedAt: Schema.Finite, beganAt: Schema.Finite }) {}

/** The things that a task does after reading the clock. With `fails`, it fails that many times in its worker first. */
export interface Order {
  readonly id: number
  readonly wait?: number
  readonly spin?: number
  readonly fails?: number
}

const seen = new Map<number, number>()

const work = ({ fails = 0, id, spin = 0, wait = 0 }: Order): Effect.Effect<Reading, Late> =>
  Effect.suspend(() => {
    const beganAt = now()
    const reading = { loadedAt, beganAt }
    while (now() - beganAt < spin);
    const times = (seen.get(id) ?? 0) + 1
    seen.set(id, times)
    const exit = times <= fails ? Effect.fail(new Late(reading)) : Effect.succeed(reading)
    return wait === 0 ? exit : Effect.andThen(Effect.sleep(wait), exit)
  })

export const readsClock = Task.make("readsClock", { module: import.meta.url, error: Late, run: work })

/** The same task, with a layer that takes 50 ms to build. */
export const readsClockLater = Task.make("readsClockLater", {
  module: import.meta.url,
  error: Late,
  run: work,
  layer: Layer.effectDiscard(Effect.sleep("50 millis"))
})

/** A task whose layer fails after 50 ms. */
export const cannotBegin = Task.make("cannotBegin", {
  module: import.meta.url,
  run: () => Effect.void,
  layer: Layer.effectDiscard(Effect.delay(Effect.fail("no layer"), "50 millis"))
})

/** Ends its worker after some milliseconds of work, or never ends. */
export const endsWorker = Task.make("endsWorker", {
  module: import.meta.url,
  run: (millis: number) =>
    Effect.sync(() => {
      const beganAt = now()
      while (now() - beganAt < millis);
      process.exit(1)
    })
})
