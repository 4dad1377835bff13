/** The task of random programs. It performs the action in its payload. */
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import { isMainThread, parentPort } from "node:worker_threads"
import type { Act } from "./program.ts"
import { valueOf } from "./values.ts"

/** The action of an input, and its index, so that the program can identify its result. */
export interface Order {
  readonly index: number
  readonly act: Act
}

/** The value of an input that succeeds. */
export interface Reply {
  readonly index: number
  readonly value: unknown
}

/** The error or the defect of an input. */
export class Blame extends Error {
  readonly index: number
  readonly value: unknown
  constructor(index: number, value: unknown) {
    super(`blame ${index}`)
    this.index = index
    this.value = value
  }
}

/** Ends the worker, even if a thread cannot be killed from inside. */
const leave = (how: () => void): Effect.Effect<never> =>
  Effect.suspend(() => {
    how()
    return Effect.never
  })

const junk: ReadonlyArray<unknown> = [undefined, null, 5, "junk", {}, { _tag: "Exits" }, { _tag: "Done", id: -1 }, []]

const post = (message: unknown): void => {
  if (parentPort !== null) parentPort.postMessage(message)
  else process.send?.(message ?? null)
}

export const perform = Task.make("perform", {
  module: import.meta.url,
  run: ({ act, index }: Order): Effect.Effect<Reply, Blame> => {
    const reply = Effect.sync((): Reply => ({ index, value: valueOf(act.value) }))
    const blame = Effect.sync(() => new Blame(index, valueOf(act.value)))
    const after = <A, E>(end: Effect.Effect<A, E>) => act.millis === 0 ? end : Effect.delay(end, act.millis)
    switch (act.kind) {
      case "fail":
        return after(Effect.flip(blame))
      case "die":
        return after(Effect.flatMap(blame, Effect.die))
      case "throw":
        throw new Blame(index, valueOf(act.value))
      case "sync":
        return reply
      case "log":
        // Effect itself checks each part of a message for being a cause
        return Effect.logError("a value", { value: valueOf(act.value) }).pipe(
          Effect.annotateLogs("key", valueOf(act.value)),
          Effect.andThen(after(reply))
        )
      case "hang":
        return Effect.never
      case "spin":
        return Effect.sync(() => {
          for (;;);
        })
      case "exit":
        return leave(() => process.exit(3))
      case "kill":
        // a thread that kills its process would kill the program
        return leave(() => isMainThread ? process.kill(process.pid, "SIGKILL") : process.exit(9))
      case "uncaught":
        return leave(() =>
          setImmediate(() => {
            throw new Blame(index, undefined)
          })
        )
      case "junk":
        return Effect.andThen(Effect.sync(() => junk.forEach(post)), after(reply))
      default:
        return after(reply)
    }
  }
})
