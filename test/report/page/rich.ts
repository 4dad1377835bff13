/** Handmade reports with everything that a page can show. */
import { Report } from "effect-parallel"
import type { Json } from "../../../src/report/json.ts"
import { make } from "../../../src/report/page.ts"
import { sample } from "../sample.ts"

const nested: NonNullable<Json["nested"]> = Array.from({ length: 6 }, (_, place) => {
  const fails = place % 3 === 2
  return {
    name: place % 2 === 0 ? "chapters" : "paragraphs",
    ...(place % 2 === 1 && { parent: place - 1 }),
    index: place % 2 === 0 ? place : 1,
    startedAt: 10 * place,
    elapsed: 42.5,
    state: "done" as const,
    tally: { total: 16, succeeded: fails ? 12 : 16, failed: fails ? 4 : 0, retried: 0, recalled: 0 },
    ...(fails && {
      failures: [
        { message: "TooShort: 3 words", count: 3, input: "chapter 1" },
        { message: "TooLarge: 9 MB", count: 1, input: "chapter 7" }
      ]
    })
  }
})

export const flows: NonNullable<Json["flows"]> = [{
  name: "summarize",
  walks: 60,
  start: "read",
  nodes: [
    { name: "read", kind: "Node", entered: 60, failed: 0 },
    { name: "write", kind: "Node", entered: 70, failed: 2 },
    { name: "ask", kind: "Flow", entered: 0, failed: 0 }
  ],
  edges: [
    { from: "read", action: "default", to: "write", taken: 58 },
    { from: "write", action: "again", to: "write", taken: 12 },
    { from: "write", action: "good", exit: "done", taken: 56 },
    { from: "read", action: "unsure", to: "ask", taken: 0 }
  ]
}]

const logs: NonNullable<Json["logs"]> = [
  { index: 17, attempt: 1, at: 12, level: "Info", message: "reading" },
  { index: 17, attempt: 1, at: 14, level: "Error", message: "no answer yet", within: "chapters" },
  { index: 18, attempt: 1, at: 16, level: "Info", message: "of another input" }
]

/** A report of sixty inputs: one failed, one was recalled, and some have values. */
export const rich: Json = (() => {
  const json = Report.toJson(sample(60))
  const outcomes = json.outcomes.map((outcome): Json["outcomes"][number] => {
    if (outcome.index === 5) {
      const recorded = { at: "2025-05-31T08:00:00.000Z", attempts: 2, elapsed: 1200 }
      return Object.assign(outcome, { attempts: 0, recorded })
    }
    const waits = outcome.index % 7 === 0 ? { limit: 3, transfer: 0.4 } : { queue: 1 }
    return Object.assign(outcome, {
      waits,
      ...(outcome._tag === "Success" && { value: `{ "words": ${outcome.index} }` })
    })
  })
  return Object.assign(json, {
    outcomes,
    tally: { ...json.tally, recalled: 1 },
    backend: "threads",
    options: { concurrency: "8", retry: "2 times" },
    host: { node: "24.21.0", platform: "linux x64" },
    machines: { 0: "elm", 1: "oak" },
    nested,
    nestedLeft: 3,
    flows,
    logs
  })
})()

export const richPage = make(rich)
