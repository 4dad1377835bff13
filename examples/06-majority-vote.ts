// A majority vote that ends as soon as the result is certain. The voter that would take hours is interrupted.
//
//   node examples/06-majority-vote.ts
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Outcome, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { bestMove } from "./majority-vote/bestMove.ts"

type Ballots = ReadonlyArray<Outcome.Outcome<unknown, number, unknown>>
// the fourth of the nine voters plays far more games than the others
const games = [4_000, 4_000, 4_000, 1e9, 4_000, 4_000, 4_000, 4_000, 4_000]
const majority = Math.floor(games.length / 2) + 1

/** Returns the move with the most votes, and the number of these votes. */
const leader = (ballots: Ballots): readonly [move: number, votes: number] =>
  [...Map.groupBy(ballots.filter(Outcome.isSuccess), ({ value }) => value)]
    .map(([move, votes]) => [move, votes.length] as const)
    .reduce((a, b) => b[1] > a[1] ? b : a, [-1, 0])

const isCertain = (ballots: Ballots): boolean => {
  const [, votes] = leader(ballots)
  return votes >= majority || votes + games.length - ballots.length < majority
}

const elect = Effect.fnUntraced(function*(position: string) {
  const voters = games.map((games, seed) => ({ position, games, seed }))
  const ballots = yield* Parallel.stream(voters, bestMove, { order: "completion", batchSize: 1 }).pipe(
    Stream.scan((): Ballots => [], (ballots, ballot) => ballots.concat(ballot)),
    Stream.takeUntil(isCertain),
    Stream.runFold((): Ballots => [], (_, ballots) => ballots)
  )
  const [move, votes] = leader(ballots)
  const failure = ballots.find(Outcome.isFailure)
  const result = votes >= majority ? `cell ${move} with ${votes} of ${games.length} votes` : "no majority"
  const why = failure === undefined ? "" : ` (${String(Cause.squash(failure.cause))})`
  yield* Console.log(`${position}: ${result}${why}`)
})

Effect.forEach(["X...O....", "XOXOXOOXO"], elect).pipe(Effect.provide(Threads.layer()), NodeRuntime.runMain)
