// Two agents that talk over queues: one has a secret code, the other guesses it and computes each guess on a thread.
//
//   node examples/07-two-agents.ts
//
// Each agent is a flow with a loop. Both run in a race: the agent with the code ends the game, which stops the other.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Flow, Node } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { guess, type History, score } from "./two-agents/guess.ts"

const secret = "3632"

Effect.gen(function*() {
  const guesses = yield* Queue.unbounded<string>()
  const scores = yield* Queue.unbounded<string>()

  const reply = Node.make("reply", {
    exec: (_: History) =>
      Queue.take(guesses).pipe(
        Effect.tap((guess) => Console.log(`${guess}: ${score(secret, guess)}`)),
        Effect.tap((guess) => Queue.offer(scores, score(secret, guess)))
      ),
    post: (history, _, guess) => guess === secret ? Node.out("solved", guess) : Node.out("next", history)
  })
  const ask = Node.make("ask", {
    exec: Effect.fnUntraced(function*(history: History) {
      const next = yield* guess(history)
      yield* Queue.offer(guesses, next)
      return [...history, { guess: next, score: yield* Queue.take(scores) }]
    })
  })
  const game = Flow.race("mastermind", {
    maker: Flow.make("maker", { start: "reply", nodes: { reply }, on: { reply: { next: "reply", solved: Flow.end } } }),
    breaker: Flow.make("breaker", { start: "ask", nodes: { ask }, on: { ask: { default: "ask" } } })
  })
  yield* Flow.run(game, [])
}).pipe(Effect.provide(Threads.layer({ workers: 1 })), NodeRuntime.runMain)
