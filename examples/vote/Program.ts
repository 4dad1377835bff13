/**
 * The flow: ask every voter at once, count as the answers come, and stop when the majority is certain.
 */
import { Flow, Node, Outcome, Parallel } from "effect-parallel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const stubs: ReadonlyArray<{ readonly answer?: string; readonly millis: number }> = [
  { answer: "Canberra", millis: 40 },
  { answer: "Sydney", millis: 10 },
  { answer: "Canberra", millis: 20 },
  { millis: 30 },
  { answer: "Canberra", millis: 60 },
  { answer: "Canberra", millis: 3_600_000 },
  { answer: "Sydney", millis: 50 },
  { answer: "Canberra", millis: 70 },
  { answer: "Canberra", millis: 80 }
]

/** Those who are asked: models, or the same model many times. */
export class Voters extends Context.Service<Voters, {
  readonly count: number
  readonly ask: (voter: number, question: string) => Effect.Effect<string, "no answer">
}>()("vote/Voters") {
  /** Nine voters, of whom one is silent; each takes its own time, some far longer than the rest. */
  static readonly layerStub = Layer.succeed(Voters, {
    count: stubs.length,
    ask: (voter) => {
      const { answer, millis } = stubs[voter]!
      return Effect.delay(answer === undefined ? Effect.fail("no answer") : Effect.succeed(answer), millis)
    }
  })
}

/** Votes so far. */
export interface Count {
  readonly votes: Readonly<Record<string, number>>
  /** How many were asked, and how many have not ended yet. */
  readonly voters: number
  readonly open: number
}

/** What a count has come to; `undefined` while it may still go either way. */
export const verdict = ({ open, voters, votes }: Count): { readonly majority: string | undefined } | undefined => {
  const [leader, count] = Object.entries(votes).reduce((a, b) => b[1] > a[1] ? b : a, ["", 0])
  if (count > voters / 2) return { majority: leader }
  return count + open > voters / 2 ? undefined : { majority: undefined }
}

const add = (count: Count, outcome: Outcome.Outcome<number, string, unknown>): Count => ({
  ...count,
  open: count.open - 1,
  votes: Outcome.isFailure(outcome)
    ? count.votes
    : { ...count.votes, [outcome.value]: (count.votes[outcome.value] ?? 0) + 1 }
})

const poll = (question: string) =>
  Effect.flatMap(Voters, ({ ask, count }) => {
    const start: Count = { votes: {}, voters: count, open: count }
    const numbers = Array.from({ length: count }, (_, voter) => voter)
    return Parallel.stream(numbers, (voter) => ask(voter, question), { concurrency: count, order: "completion" }).pipe(
      Stream.scan(() => start, add),
      Stream.takeUntil((count) => verdict(count) !== undefined),
      Stream.runFold(() => start, (_, count) => count)
    )
  })

const vote = Node.make("vote", {
  exec: poll,
  post: (_, __, count) => {
    const majority = verdict(count)?.majority
    return majority === undefined ? Node.out("undecided", count) : Node.out("decided", { ...count, majority })
  }
})

const decide = Node.make("decide", {
  exec: ({ majority, open, voters, votes }: Count & { readonly majority: string }) =>
    `${majority}, by ${votes[majority]} of ${voters} votes; not waited for: ${open}`
})
const retreat = Node.make("retreat", { exec: ({ voters }: Count) => `no majority among ${voters} voters` })

const election = Flow.make("election", {
  start: "vote",
  nodes: { vote, decide, retreat },
  on: {
    vote: { decided: "decide", undecided: "retreat" },
    decide: { default: Flow.end },
    retreat: { default: Flow.end }
  }
})

/** What the majority says. */
export const run = (question: string) => Effect.map(Flow.run(election, question), ({ value }) => value)
