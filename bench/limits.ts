/**
 * The cost of a limit per input: no limit, one that all inputs share, and one for each of 1,000 keys.
 *
 * Prints the median of the microseconds per input, and the ratio to one shared limit.
 */
import * as Effect from "effect/Effect"
import { Limit, Parallel } from "../src/index.ts"

const inputs = Array.from({ length: 10_000 }, (_, n) => n)
const rounds = 15

const microsOf = async (limit: Limit.Limit<number> | undefined): Promise<number> => {
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const from = performance.now()
    await Effect.runPromise(
      Parallel.forEach(inputs, () => Effect.yieldNow, { concurrency: 16, preDispatch: 256, limit })
    )
    times.push(performance.now() - from)
  }
  return times.toSorted((a, b) => a - b)[rounds >> 1]! * 1000 / inputs.length
}

const limits = {
  "no limit": () => undefined,
  "Limit.concurrency(16)": () => Limit.concurrency(16),
  "Limit.rate": () => Limit.rate({ limit: 1_000_000_000, window: "1 second" }),
  "1,000 keys": () => Limit.keyed((n: number) => n % 1000, () => Limit.concurrency(1)),
  "10 keys, which wait": () => Limit.keyed((n: number) => n % 10, () => Limit.concurrency(1))
} satisfies Record<string, () => Limit.Limit<number> | undefined>

for (const make of Object.values(limits)) await microsOf(make())
const shared = await microsOf(limits["Limit.concurrency(16)"]())
for (const [name, make] of Object.entries(limits)) {
  const micros = await microsOf(make())
  console.log(`${name.padEnd(22)} ${micros.toFixed(2).padStart(6)} µs  ${(micros / shared).toFixed(2)}`)
}
