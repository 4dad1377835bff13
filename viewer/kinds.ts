/** Kinds of attempts and of waits: their names, and marks that tell them apart without colors. */
import type { Wait } from "../src/report/plain.ts"
import type { Kind } from "./model.ts"
import type { Entry, Status } from "./rows.ts"
import { statusOf } from "./rows.ts"

/** Kinds of attempts in drawing order. Failures are drawn last and cover the others. */
export const kinds: ReadonlyArray<Kind> = ["succeeded", "interrupted", "lost", "retried", "failed"]

export const explained: Readonly<Record<Kind, string>> = {
  succeeded: "succeeded",
  interrupted: "interrupted: another attempt finished first",
  lost: "lost with its worker",
  retried: "failed, then retried",
  failed: "failed"
}

export const marks: Readonly<Record<Kind, string>> = {
  succeeded: "✓",
  interrupted: "‖",
  lost: "?",
  retried: "↻",
  failed: "✗"
}

/** Kinds of waits, in the order of areas and legends. */
export const waits: ReadonlyArray<Wait> = ["startup", "limit", "retry", "queue", "transfer"]

export const waitedFor: Readonly<Record<Wait, string>> = {
  startup: "starting up",
  limit: "waiting for limits",
  retry: "waiting for retries",
  queue: "queued",
  transfer: "in transfer"
}

const statusMarks: Readonly<Record<Status, string>> = { succeeded: "✓", retried: "↻", recalled: "⟲", failed: "✗" }

const statusWords: Readonly<Record<Status, string>> = {
  succeeded: "succeeded",
  retried: "succeeded",
  recalled: "recalled",
  failed: "failed"
}

/** Returns the mark and the word for the status of an outcome. */
export const statusText = (entry: Entry): readonly [mark: string, word: string] => {
  const status = statusOf(entry)
  return [statusMarks[status], statusWords[status]]
}
