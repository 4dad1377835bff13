// The task that runs on threads: plays random games of tic-tac-toe from a position, and votes for the best first move.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"

/** There is no move left. */
class GameOver extends Schema.TaggedError<GameOver>()("GameOver", {}) {}

const lines = ["012", "345", "678", "036", "147", "258", "048", "246"].map((line) => line.split("").map(Number))

/** Returns the result when the cells are taken in this order: 1 if X wins (X begins), -1 if O wins, 0 for a draw. */
const play = (position: string, order: ReadonlyArray<number>): number => {
  const board = position.split("")
  for (const [turn, cell] of order.entries()) {
    board[cell] = turn % 2 === 0 ? "X" : "O"
    if (lines.some((line) => line.every((at) => board[at] === board[cell]))) return turn % 2 === 0 ? 1 : -1
  }
  return 0
}

export const bestMove = Task.make("bestMove", {
  module: import.meta.url,
  payload: Schema.Struct({ position: Schema.String, games: Schema.Int, seed: Schema.Int }),
  success: Schema.Int,
  error: GameOver,
  run: Effect.fnUntraced(function*({ games, position }) {
    const free = position.split("").flatMap((cell, at) => cell === "." ? [at] : [])
    if (free.length === 0) return yield* new GameOver()
    const wins = new Map(free.map((cell) => [cell, 0]))
    for (let game = 0; game < games; game++) {
      const order = yield* Random.shuffle(free)
      wins.set(order[0]!, wins.get(order[0]!)! + play(position, order))
    }
    return free.reduce((best, cell) => wins.get(cell)! > wins.get(best)! ? cell : best)
  }, (effect, { seed }) => Random.withSeed(effect, seed))
})
