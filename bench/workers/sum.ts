/** Functions that add up numbers: a plain one, and the same as a task. */
import * as Effect from "effect/Effect"
import { Task } from "../../src/index.ts"

const sum = (numbers: Float64Array): number => {
  let total = 0
  for (const number of numbers) total += number
  return total
}

export const summing = Task.make("summing", {
  module: import.meta.url,
  run: (numbers: Float64Array) => Effect.sync(() => sum(numbers))
})

export { sum as default }
