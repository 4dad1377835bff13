// Summarize many texts concurrently, on threads. Each has a timeout of its own. Failures are printed with their reason.
//
//   node examples/01-summarise.ts [file…]    default: the files in examples/fixtures/texts
//
// `npm start` runs the full program (examples/summarise). It adds a table, a journal, a model and a report page.
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
    return `found no sentence of ten words or more (paragraphs: ${this.paragraphs})`
  }
}

/** Finds the first sentence of ten words or more in a Markdown file. It is a task, so that it can run on a worker. */
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
  yield* Console.log(`${report.values.length} of ${report.outcomes.length} texts summarized`)
})

// workers import this module for the task; they must not run the program
if (import.meta.main) await Effect.runPromise(Effect.provide(program, Threads.layer()))
