// Summarise many texts at once, on threads: each in a time of its own, and what fails is told with its reason.
//
//   node examples/01-summarise.ts [file…]    by default those in examples/fixtures/texts
//
// `npm start` is the same as a program: with a table, a journal, a model, and a page about the run (examples/summarise).
import { Parallel, Task } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import MarkdownIt from "markdown-it"
import { globSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

class Unreadable extends Schema.TaggedError<Unreadable>("Unreadable")("Unreadable", { why: Schema.String }) {
  override get message(): string {
    return this.why
  }
}

class NoProse extends Schema.TaggedError<NoProse>("NoProse")("NoProse", { paragraphs: Schema.Int }) {
  override get message(): string {
    return `no sentence of ten words in ${this.paragraphs} paragraphs`
  }
}

/** The first sentence of a Markdown document that has ten words. It computes, so it is a task: it runs where the program says. */
export const summarise = Task.make("summarise", {
  module: import.meta.url,
  payload: Schema.String,
  success: Schema.String,
  error: Schema.Union([Unreadable, NoProse]),
  run: Effect.fnUntraced(function*(file: string) {
    const text = yield* Effect.tryPromise({
      try: () => readFile(file, "utf8"),
      catch: (error) => new Unreadable({ why: String(error) })
    })
    const tokens = new MarkdownIt({ html: true }).parse(text, {})
    const paragraphs = tokens.filter((_, index) => tokens[index - 1]?.type === "paragraph_open").map(({ children }) =>
      (children ?? []).map(({ content, type }) => type === "softbreak" ? " " : content).join("")
    )
    const sentences = paragraphs.flatMap((paragraph) =>
      [...new Intl.Segmenter("en", { granularity: "sentence" }).segment(paragraph)].map(({ segment }) => segment.trim())
    )
    return sentences.find((sentence) => sentence.split(" ").length >= 10) ??
      (yield* new NoProse({ paragraphs: paragraphs.length }))
  })
})

const program = Effect.gen(function*() {
  const named = process.argv.slice(2)
  const folder = new URL("fixtures/texts/", import.meta.url)
  const found = globSync("*.md", { cwd: folder }).toSorted().map((name) => fileURLToPath(new URL(name, folder)))
  const options = {
    name: "texts",
    timeout: "10 seconds",
    maxErrors: 20,
    show: (file: string) => basename(file)
  } as const
  const report = yield* Parallel.run(named.length > 0 ? named : found, summarise, options)
  for (const sentence of report.values) yield* Console.log(sentence)
  for (const { cause, input } of report.failures) {
    yield* Console.log(`${basename(input)}: ${String(Cause.squash(cause))}`)
  }
  yield* Console.log(`${report.values.length} of ${report.outcomes.length} texts summarised`)
})

// a worker imports this module for the task, and does not run the program
if (import.meta.main) await Effect.runPromise(Effect.provide(program, Threads.layer()))
