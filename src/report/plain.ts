/**
 * Reports without shared texts, as readers need them. The viewer is bundled with this module, so it imports only types.
 */
import type { Json } from "./json.ts"

/** A report in which every text is in its own place. */
export interface Plain extends Omit<Json, "outcomes" | "texts" | "nested" | "logs"> {
  readonly outcomes: ReadonlyArray<PlainOutcome>
  readonly nested?: ReadonlyArray<PlainNested>
  readonly logs?: ReadonlyArray<PlainLog>
}

/** A record whose `message` is a text. */
type Worded<A> = Omit<A, "message"> & { readonly message: string }

type NestedJson = NonNullable<Json["nested"]>[number]

export interface PlainNested extends Omit<NestedJson, "failures"> {
  readonly failures?: ReadonlyArray<Worded<NonNullable<NestedJson["failures"]>[number]>>
}

export type PlainLog = Worded<NonNullable<Json["logs"]>[number]>

export interface PlainOutcome extends Omit<Json["outcomes"][number], "error" | "history"> {
  readonly error?: { readonly message: string; readonly cause?: string }
  readonly history?: ReadonlyArray<PlainAttempt>
}

export interface PlainAttempt extends Omit<NonNullable<Json["outcomes"][number]["history"]>[number], "message"> {
  readonly message?: string
}

/** Kinds of waits of an attempt, in order. */
export type Wait = keyof NonNullable<PlainOutcome["waits"]>

/** Puts every shared text back in its own place. */
export const plain = ({ logs, nested, outcomes, texts = [], ...head }: Json): Plain => {
  const textOf = (text: string | number): string => typeof text === "string" ? text : texts[text] ?? ""
  const worded = <A extends { readonly message: string | number }>(record: A): Worded<A> => ({
    ...record,
    message: textOf(record.message)
  })
  return {
    ...head,
    ...(logs !== undefined && { logs: logs.map(worded) }),
    ...(nested !== undefined && {
      nested: nested.map(({ failures, ...run }) => ({
        ...run,
        ...(failures !== undefined && { failures: failures.map(worded) })
      }))
    }),
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
