// The task: every machine imports this module itself and finds the task by its name.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const isPrime = (n: number): boolean => {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return n > 1
}

/** Counts the primes from `from` up to, but not including, `to`. */
export const countPrimes = Task.make("countPrimes", {
  module: import.meta.url,
  payload: Schema.Struct({ from: Schema.Int, to: Schema.Int }),
  success: Schema.Int,
  run: ({ from, to }) =>
    Effect.sync(() => {
      let count = 0
      for (let n = from; n < to; n++) if (isPrime(n)) count++
      return count
    })
})
