// A supervisor that sends bad answers back: a flow with a bounded loop. Answers are computed on threads.
//
//   node examples/05-supervisor.ts
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BatchFlow, Flow, Node } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { estimate } from "./supervisor/estimate.ts"

/** A question, with the largest error that is accepted and the number of trials to run. */
interface Question {
  readonly people: number
  readonly tolerance: number
  readonly trials: number
}

const answer = Node.make("answer", {
  exec: ({ people, trials }: Question) => estimate({ people, trials }),
  post: (question, _, { chance, error }) => Node.out("answered", { question, chance, error })
})

const supervise = Node.make("supervise", {
  post: ({ chance, error, question }: { question: Question; chance: number; error: number }) => {
    const text = `${question.people} people: ${chance.toFixed(3)} ± ${error.toFixed(3)} after ${question.trials} trials`
    if (error <= question.tolerance) return Node.out("accepted", text)
    if (question.trials > 4_000) return Node.out("gaveUp", text)
    return Node.out("rejected", { ...question, trials: 4 * question.trials })
  }
})

const supervised = Flow.make("supervised", {
  start: "answer",
  nodes: { answer, supervise },
  on: { answer: { answered: "supervise" }, supervise: { rejected: "answer", accepted: Flow.end, gaveUp: Flow.end } }
})
const all = BatchFlow.make("questions", { flow: supervised, collect: "partition", concurrency: 3 })
const ask = (people: number, tolerance: number): Question => ({ people, tolerance, trials: 100 })

Effect.gen(function*() {
  const questions = [ask(23, 0.02), ask(40, 0.005), ask(50, 0.0001), ask(1, 0.02)]
  const { value: [answers, failures] } = yield* Flow.run(all, questions)
  for (const { action, value } of answers) yield* Console.log(`${action}: ${value}`)
  for (const { cause, input } of failures) {
    yield* Console.log(`failed: ${input.people} people: ${String(Cause.squash(cause))}`)
  }
}).pipe(Effect.provide(Threads.layer()), NodeRuntime.runMain)
