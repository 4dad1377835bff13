// The task that runs on threads: estimates by simulation how likely it is that two people of a group share a birthday.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"

/** There are fewer than two people. */
class TooFew extends Schema.TaggedError<TooFew>()("TooFew", { people: Schema.Int }) {}

const share = Effect.fnUntraced(function*(people: number) {
  const taken = new Set<number>()
  while (taken.size < people) {
    const day = yield* Random.nextIntBetween(1, 365)
    if (taken.has(day)) return true
    taken.add(day)
  }
  return false
})

export const estimate = Task.make("estimate", {
  module: import.meta.url,
  payload: Schema.Struct({ people: Schema.Int, trials: Schema.Int }),
  success: Schema.Struct({ chance: Schema.Finite, error: Schema.Finite }),
  error: TooFew,
  run: Effect.fnUntraced(function*({ people, trials }) {
    if (people < 2) return yield* new TooFew({ people })
    let hits = 0
    for (let trial = 0; trial < trials; trial++) if (yield* share(people)) hits++
    const chance = hits / trials
    return { chance, error: Math.sqrt(chance * (1 - chance) / trials) }
  }, Random.withSeed("birthdays"))
})
