// The task that runs on threads: the best next guess in Mastermind by Knuth's rule (1977). Possible codes win ties.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const History = Schema.Array(Schema.Struct({ guess: Schema.String, score: Schema.String }))
export type History = typeof History.Type

/** No code matches all the scores. */
class Contradiction extends Schema.TaggedError<Contradiction>()("Contradiction", {}) {}

export const score = (code: string, guess: string): string => {
  const places = guess.split("").filter((colour, n) => colour === code[n]).length
  const rest = guess.split("").reduce((rest, colour) => rest.replace(colour, ""), code)
  return `${places} in place, ${code.length - rest.length - places} elsewhere`
}

const colours = "123456".split("")
const codes = colours.flatMap((a) => colours.flatMap((b) => colours.flatMap((c) => colours.map((d) => a + b + c + d))))

/** Returns how many codes can remain after a guess, at most. */
const worst = (guess: string, possible: ReadonlyArray<string>): number => {
  const groups = Map.groupBy(possible, (code) => score(code, guess))
  return Math.max(...groups.values().map((group) => group.length))
}

export const guess = Task.make("guess", {
  module: import.meta.url,
  payload: History,
  success: Schema.String,
  error: Contradiction,
  run: (history) =>
    Effect.suspend(() => {
      if (history.length === 0) return Effect.succeed("1122")
      const possible = codes.filter((code) => history.every((turn) => score(code, turn.guess) === turn.score))
      if (possible.length === 0) return Effect.fail(new Contradiction())
      const ranked = [...possible, ...codes].map((guess) => ({ guess, left: worst(guess, possible) }))
      return Effect.succeed(ranked.reduce((best, next) => next.left < best.left ? next : best).guess)
    })
})
