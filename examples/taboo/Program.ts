/**
 * A game for two agents: one hints at a word without saying it, the other guesses. Each is a flow that loops; they share
 * nothing but two queues.
 */
import { Flow, Node } from "effect-parallel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

/** What lies between the two: hints one way, guesses the other, and what was said for those who watch. */
class Table extends Context.Service<Table, {
  readonly hints: Queue.Queue<string>
  readonly guesses: Queue.Queue<string>
  readonly said: Array<string>
}>()("taboo/Table") {
  static readonly make = Effect.gen(function*() {
    return {
      hints: yield* Queue.unbounded<string>(),
      guesses: yield* Queue.unbounded<string>(),
      said: [] as Array<string>
    }
  })
}

/** What both know: words and what is true of them. */
const words: Readonly<Record<string, ReadonlyArray<string>>> = {
  telescope: ["made of glass", "points at the sky", "used at night", "has a lens"],
  window: ["made of glass", "found in a house"],
  bottle: ["made of glass", "holds water"],
  rocket: ["points at the sky", "makes noise", "made of glass"],
  camera: ["made of glass", "has a lens", "used at night"],
  binoculars: ["made of glass", "has a lens", "used at night", "points at the sky"]
}

/** The hinter's turn: a hint, and the guess that comes back. */
const say = Effect.fnUntraced(function*(text: string) {
  const { guesses, hints, said } = yield* Table
  said.push(`hinter: ${text}`)
  yield* Queue.offer(hints, text)
  return yield* Queue.take(guesses)
})

/** The guesser's turn: the hint that comes, and the first word that fits all hints so far and was not tried. */
const guess = Effect.fnUntraced(
  function*(state: { readonly hints: ReadonlyArray<string>; readonly tried: ReadonlyArray<string> }) {
    const { guesses, hints, said } = yield* Table
    const heard = [...state.hints, yield* Queue.take(hints)]
    const word = Object.keys(words).find((word) =>
      !state.tried.includes(word) && heard.every((hint) => fits(word, hint))
    )
    said.push(`guesser: ${word ?? "I give up"}`)
    yield* Queue.offer(guesses, word ?? "")
    return { hints: heard, tried: word === undefined ? state.tried : [...state.tried, word] }
  }
)

const fits = (word: string, hint: string): boolean => hint === lengthOf(word) || words[word]!.includes(hint)

const lengthOf = (word: string): string => `${word.length} letters`

const hinter = Flow.make("hinter", {
  start: "turn",
  nodes: {
    turn: Node.make("turn", {
      exec: (round: { readonly word: string; readonly hints: ReadonlyArray<string> }) =>
        say(round.hints[0] ?? lengthOf(round.word)),
      post: ({ hints, word }, _, guess) =>
        guess === word || guess === "" ? Node.out("default", guess) : Node.out("again", { word, hints: hints.slice(1) })
    })
  },
  on: { turn: { again: "turn", default: Flow.end } }
})

const guesser = Flow.make("guesser", {
  start: "turn",
  nodes: { turn: Node.make("turn", { exec: guess }) },
  on: { turn: { default: "turn" } }
})

/** The hinter ends the game; the guesser would guess for ever. */
const game = Flow.race("taboo", {
  hinter: Flow.chain(
    "hints",
    Node.make("word", { exec: (word: string) => ({ word, hints: words[word] ?? [] }) }),
    hinter
  ),
  guesser: Flow.chain("guesses", Node.make("empty", { exec: (_: string) => ({ hints: [], tried: [] }) }), guesser)
})

/** Plays for a word, and gives what was said, with how it ended. */
export const run = Effect.fnUntraced(function*(word: string) {
  const table = yield* Table.make
  const { value } = yield* Flow.run(game, word).pipe(Effect.provideService(Table, table))
  return [...table.said, value === word ? `guessed after ${table.said.length / 2} hints` : "not guessed"]
})
