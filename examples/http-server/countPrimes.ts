// The task that runs on threads: a computation that would block the event loop of the server.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { checkPrimeSync } from "node:crypto"

/** Counts the primes below a number. */
export const countPrimes = Task.make("countPrimes", {
  module: import.meta.url,
  payload: Schema.Int,
  success: Schema.Int,
  run: (below) =>
    Effect.sync(() => {
      let count = 0
      for (let n = 2n; n < below; n++) if (checkPrimeSync(n)) count++
      return count
    })
})
