/**
 * The flow: an agent searches and answers, a supervisor reads the answer, and sends it back or lets it pass.
 */
import { BatchFlow, Flow, Node } from "effect-parallel"
import * as Effect from "effect/Effect"
import { Model, type Prompt } from "./Model.ts"

/** An answer on its way to the supervisor. */
interface Draft extends Prompt {
  readonly answer: string
}

const search = Node.make("search", {
  exec: (question: string) => Model.use((model) => model.search(question)),
  post: (question, _, notes) => Node.out("found", { question, notes, objections: [] })
})

const answer = Node.make("answer", {
  exec: (prompt: Prompt) => Model.use((model) => model.answer(prompt)),
  post: (prompt, _, answer) => Node.out("answered", { ...prompt, answer })
})

/** Why an answer cannot stand; `undefined` when it can. */
export const objection = ({ answer, notes }: Pick<Draft, "answer" | "notes">): string | undefined => {
  const [, source] = /\[(.+)\]/.exec(answer) ?? []
  if (source === undefined) return "it names no source"
  if (!notes.some((note) => note.source === source)) return `nobody has read ${source}`
  return undefined
}

const supervise = Node.make("supervise", {
  exec: (draft: Draft) => objection(draft),
  post: ({ answer, objections, ...draft }, _, found) =>
    found === undefined
      ? Node.out("accepted", `${answer} (sent back ${objections.length} times)`)
      : objections.length < 3
      ? Node.out("rejected", { ...draft, objections: [...objections, found] })
      : Node.out("gaveUp", `no answer to "${draft.question}": ${[...objections, found].join("; ")}`)
})

export const supervised = Flow.make("supervised", {
  start: "search",
  nodes: { search, answer, supervise },
  on: {
    search: { found: "answer" },
    answer: { answered: "supervise" },
    supervise: { rejected: "answer", accepted: Flow.end, gaveUp: Flow.end }
  }
})

const all = BatchFlow.make("questions", { flow: supervised, concurrency: 3 })

/** What came of each question, a line each. */
export const run = (questions: ReadonlyArray<string>) =>
  Effect.map(Flow.run(all, questions), ({ value }) => value.map(({ action, value }) => `${action}: ${value}`))
