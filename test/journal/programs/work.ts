/** A task that writes down when it begins, on any backend. */
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { say } from "./say.ts"

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const { url } = import.meta

export const work = Task.make("work", {
  module: url,
  payload: Schema.Int,
  success: Schema.Struct({ n: Schema.Int, at: Schema.Date }),
  error: Odd,
  run: (n) =>
    Effect.suspend(() => {
      say(`began ${n}`)
      return n % 100 === 99 ? Effect.fail(new Odd({ n })) : Effect.succeed({ n, at: new Date(n * 1000) })
    }).pipe(Effect.delay(n % 4))
})
