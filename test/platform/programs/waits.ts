/** A task that takes a while, and prints when it begins and ends. */
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { say } from "../../journal/programs/say.ts"

const { url } = import.meta

export const waits = Task.make("waits", {
  module: url,
  payload: Schema.Int,
  success: Schema.Int,
  run: (n) =>
    Effect.suspend(() => {
      say(`began ${n}`)
      return Effect.sleep(Number(process.env["WAIT"] ?? 30)).pipe(
        Effect.onInterrupt(() => Effect.sync(() => say(`interrupted ${n}`))),
        Effect.andThen(Effect.sync(() => say(`ended ${n}`))),
        Effect.as(n)
      )
    })
})
