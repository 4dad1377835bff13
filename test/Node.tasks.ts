import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import { Refused } from "./helpers.ts"

export const half = Task.make("half", { module: import.meta.url, run: (n: number) => Effect.succeed(n / 2) })

/** Fails for odd numbers. */
export const evens = Task.make("evens", {
  module: import.meta.url,
  error: Refused,
  run: (n: number) => n % 2 === 0 ? Effect.succeed(n) : Effect.fail(new Refused({ n }))
})
