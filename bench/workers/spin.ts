/** The bodies that the pools run: a plain function, and the same as a task. */
import * as Effect from "effect/Effect"
import { Task } from "../../src/index.ts"
import spin from "./plain.ts"

const work = Task.make("work", {
  module: import.meta.url,
  run: (rounds: number) => Effect.sync(() => spin(rounds))
})

export { spin as default, work }
