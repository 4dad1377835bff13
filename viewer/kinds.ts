/** Kinds of attempts and of waits: their words, and their marks beside colours. */
import type { Wait } from "../src/report/plain.ts"
import type { Kind } from "./model.ts"
import type { Entry, Status } from "./rows.ts"
import { statusOf } from "./rows.ts"

/** Kinds of attempts in drawing order: failures are drawn last and cover the others. */
export const kinds: ReadonlyArray<Kind> = ["succeeded", "interrupted", "lost", "retried", "failed"]

export const explained: Readonly<Record<Kind, string>> = {
  succeeded: "succeeded",
  interrupted: "interrupted: another attempt was first",
  lost: "lost with its worker",
  retried: "failed, tried again",
  failed: "failed"
}

export const marks: Readonly<Record<Kind, string>> = {
  succeeded: "✓",
  interrupted: "‖",
  lost: "?",
  retried: "↻",
  failed: "✗"
}

/** What workers wait for, in the order of areas and legends. */
export const waits: ReadonlyArray<Wait> = ["startup", "limit", "retry", "queue", "transfer"]

export const waitedFor: Readonly<Record<Wait, string>> = {
  startup: "starting up",
  limit: "waiting for limits",
  retry: "waiting to try again",
  queue: "queued",
  transfer: "on the way"
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
