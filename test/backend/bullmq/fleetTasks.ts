/** The tasks of the machines in these tests. */
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { appendFileSync } from "node:fs"

const module = import.meta.url

/** Sleeps for some milliseconds, then squares. */
export const squares = Task.make("squares", {
  module,
  payload: Schema.Struct({ n: Schema.Int, millis: Schema.Finite }),
  success: Schema.Int,
  run: ({ millis, n }) => Effect.as(Effect.sleep(millis), n * n)
})

/** Does almost nothing. */
export const tiny = Task.make("tiny", { module, run: (n: number) => Effect.succeed(n + 1) })

/** Writes a line to a file, then blocks its event loop for some milliseconds. */
export const spins = Task.make("spins", {
  module,
  run: ({ file, millis }: { readonly file: string; readonly millis: number }) =>
    Effect.sync(() => {
      appendFileSync(file, "spins\n")
      const end = performance.now() + millis
      while (performance.now() < end) { /* computes */ }
      return millis
    })
})

/** Ends the process of its machine for the input 666. */
export const kills = Task.make("kills", {
  module,
  run: (n: number) =>
    Effect.suspend(() => {
      if (n !== 666) return Effect.as(Effect.sleep(2), n)
      process.kill(process.pid, "SIGKILL")
      return Effect.never
    })
})

export const all: ReadonlyArray<Task.Task<any, any, any>> = [squares, tiny, spins, kills]
