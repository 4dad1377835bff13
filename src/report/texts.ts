/**
 * Errors and inputs as texts of a report or a dashboard, with their greatest lengths.
 */
import type * as Cause from "effect/Cause"
import { showCause } from "../primitives/causes.ts"
import { prefix } from "../primitives/printable.ts"
import { shortenMessage } from "../primitives/shorten.ts"

/** Greatest number of characters of a shown input. */
export const inputLength = 120

/** Greatest number of characters of a message, and of the text of a cause. */
const messageLength = 240
const causeLength = 4000

/** Shows an error, or another message, as one line. */
export const messageOf = (error: unknown): string => shortenMessage(error, messageLength)

/** Shows a cause with its stacks, cut to its greatest length. */
export const textOfCause = (cause: Cause.Cause<unknown>): string => {
  const text = showCause(cause)
  return text.length <= causeLength ? text : `${prefix(text, causeLength)}\n…`
}
