/** Functions that make arrays of numbers: a plain one, and the same as two tasks, one of which moves its result. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Task } from "../../src/index.ts"

const fill = (length: number): Float64Array<ArrayBuffer> => new Float64Array(length).fill(1)

const module = import.meta.url

export const filling = Task.make("filling", { module, run: (length: number) => Effect.sync(() => fill(length)) })

export const moving = Task.make("moving", {
  module,
  success: Task.moved(Schema.instanceOf(Float64Array)),
  run: (length: number) => Effect.sync(() => fill(length))
})

export { fill as default }
