/**
 * Reports as readers want them: without shared texts. The viewer is bundled with this, so it imports types alone.
 */
import type { Json } from "./json.ts"

/** A report whose texts all stand where they belong. */
export interface Plain extends Omit<Json, "outcomes" | "texts"> {
  readonly outcomes: ReadonlyArray<PlainOutcome>
}

export interface PlainOutcome extends Omit<Json["outcomes"][number], "error" | "history"> {
  readonly error?: { readonly message: string; readonly cause?: string }
  readonly history?: ReadonlyArray<PlainAttempt>
}

export interface PlainAttempt extends Omit<NonNullable<Json["outcomes"][number]["history"]>[number], "message"> {
  readonly message?: string
}

/** Names of what an attempt may wait for, in order. */
export type Wait = keyof NonNullable<PlainOutcome["waits"]>

/** Puts every text where it belongs. */
export const plain = ({ outcomes, texts = [], ...head }: Json): Plain => {
  const textOf = (text: string | number): string => typeof text === "string" ? text : texts[text] ?? ""
  return {
    ...head,
    outcomes: outcomes.map(({ error, history, ...outcome }) => ({
      ...outcome,
      ...(error !== undefined && {
        error: {
          message: textOf(error.message),
          ...(error.cause !== undefined && { cause: textOf(error.cause) })
        }
      }),
      ...(history !== undefined && {
        history: history.map(({ message, ...attempt }) => ({
          ...attempt,
          ...(message !== undefined && { message: textOf(message) })
        }))
      })
    }))
  }
}
