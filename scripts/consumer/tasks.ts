import { Effect, Schema } from "effect"
import { Task } from "effect-parallel"

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

/** A task as a user of the package would write it. */
export const half = Task.make("half", {
  module: import.meta.url,
  payload: Schema.Int,
  success: Schema.Int,
  error: Odd,
  run: (n) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n }))
})

export const exits = Task.make("exits", {
  module: import.meta.url,
  run: (code: number) => Effect.sync(() => code === 0 ? code : process.exit(code))
})
