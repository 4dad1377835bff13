/**
 * Errors and inputs as a report and a dashboard show them: how much of each.
 */
import type * as Cause from "effect/Cause"
import { showCause } from "../primitives/causes.ts"
import { prefix } from "../primitives/printable.ts"
import { shortenMessage } from "../primitives/shorten.ts"

/** Greatest number of characters of a shown input. */
export const inputLength = 120

/** Greatest numbers of characters of a message, and of the text of a cause. */
const messageLength = 240
const causeLength = 4000

/** An error, or another message, as one line. */
export const messageOf = (error: unknown): string => shortenMessage(error, messageLength)

/** A cause with its stacks, cut. */
export const textOfCause = (cause: Cause.Cause<unknown>): string => {
  const text = showCause(cause)
  return text.length <= causeLength ? text : `${prefix(text, causeLength)}\n…`
}
