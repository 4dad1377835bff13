/**
 * Outcomes of settled items. Their times count from the start of the run, in nanoseconds.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import { JournalError } from "../../journal/record/errors.ts"
import * as Outcome from "../../Outcome.ts"
import { type Facts, failed, once, succeeded } from "../../outcome/settled.ts"
import { none, toWaits } from "../../outcome/waits.ts"
import type { AttemptRecord, Item } from "../inputs/item.ts"

/** Returns the facts about an item that its outcome holds. */
export const factsOf = <I>(item: Item<I>, runBeganAt: number): Facts<I> => ({
  index: item.index,
  input: item.input,
  attempts: item.attempts,
  worker: item.worker,
  history: item.history === undefined ? once : item.history.map((each) => attemptOf(each, runBeganAt)),
  started: Math.max(0, item.startedAt - runBeganAt),
  took: Math.max(0, item.endedAt - item.startedAt),
  waited: item.waits
})

const attemptOf = (
  { beganAt, end, endedAt, message, waits, worker }: AttemptRecord,
  runBeganAt: number
): Outcome.Attempt => {
  const startedAt = Math.max(0, beganAt - runBeganAt)
  const elapsed = endedAt - beganAt
  return {
    startedAt: Duration.nanos(BigInt(startedAt)),
    elapsed: Duration.nanos(BigInt(elapsed)),
    waits: waits === undefined
      ? none
      : toWaits("waited" in waits ? waits.waited(startedAt, startedAt + elapsed) : waits),
    worker,
    end,
    message
  }
}

export const successOf = <I, A>(item: Item<I>, value: A, runBeganAt: number): Outcome.Success<I, A> =>
  succeeded(factsOf(item, runBeganAt), value, item.recorded)

export const failureOf = <I, E>(item: Item<I>, cause: Cause.Cause<E>, runBeganAt: number): Outcome.Failure<I, E> =>
  failed(factsOf(item, runBeganAt), cause, item.recorded)

export const tooManyErrors = <I, A, E>(
  report: Outcome.Report<I, A, E>,
  limit: number
): Outcome.TooManyErrors<I, A, E> =>
  new Outcome.TooManyErrors({
    failures: report.failures as NonEmptyReadonlyArray<Outcome.Failure<I, E>>,
    limit,
    report
  })

/** Adds to an error of the journal the report of what was finished before it. */
export const withReport = <I, A, E>(
  { reason, run, store }: JournalError,
  report: Outcome.Report<I, A, E>
): JournalError<I, A, E> => new JournalError({ store, run, reason, report })

export const isNonEmpty = <A>(values: ReadonlyArray<A>): values is NonEmptyReadonlyArray<A> => values.length > 0
