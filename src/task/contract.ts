/**
 * Checks of the contract of a backend: its parts, the end of its `execute`, and the exits that it reports. A mistake of
 * a backend is a defect that names the backend, not a failure of an input.
 */
import * as Effect from "effect/Effect"
import { nonEmptyString, numberWhere, wrongType } from "../primitives/check.ts"
import { isEffect, isWholeExit } from "../primitives/effects.ts"
import { shorten } from "../primitives/shorten.ts"
import type { NumberedBatch } from "./attempt.ts"

/** The key of the backend among the services of a fiber, for code that knows only the contract of backends. */
export const backendKey = "effect-parallel/Backend"

/** Milliseconds for which a backend may give an input back repeatedly with nothing of its batch done. */
const patience = 30_000
/**
 * Number of times that it may do so in any case, so that an input that waits long and comes back rarely does not fail.
 */
const leastTimes = 40

/** Number of times that an input is dispatched again immediately. */
const atOnce = 10
/** Longest delay after that, in milliseconds. */
const longestDelay = 1000

/**
 * Counts how many times in a row an input came back with nothing of its batch done. A crash gives back the inputs that
 * waited behind the culprit, including those of other runs, and so do machines that restart one after another.
 */
export class GivenBack {
  times = 0
  /** Time of the first return, in milliseconds of the monotonic clock. */
  since = 0
  /** Time of the last return. */
  until = 0

  /**
   * Counts one more return, at a time in milliseconds. Returns the delay in milliseconds before the input is dispatched
   * again, or `undefined` if it has come back for too long.
   */
  again(now: number): number | undefined {
    if (this.times++ === 0) this.since = now
    this.until = now
    if (now - this.since >= patience && this.times >= leastTimes) return undefined
    return this.times <= atOnce ? 0 : Math.min(2 ** (this.times - atOnce), longestDelay)
  }
}

/** Checks the parts of a backend and returns it. A bad part is a defect that names it. */
export const checkBackend = <B>(backend: B): B => {
  if (typeof backend !== "object" || backend === null) return wrongType("backend", "a Backend", backend)
  const { execute, machineOf, messageMillis, name, onResize, workers, ...others }: { readonly [K in Part]?: unknown } =
    backend
  nonEmptyString("backend.name", name)
  numberWhere(
    "backend.workers",
    workers,
    "a positive integer or Infinity",
    (count) => count === Infinity || (Number.isSafeInteger(count) && count > 0)
  )
  if (typeof execute !== "function") wrongType("backend.execute", "a function", execute)
  for (const part of ["batches", "prefetch"] as const) {
    if (others[part] !== undefined && typeof others[part] !== "boolean") {
      wrongType(`backend.${part}`, "a boolean", others[part])
    }
  }
  for (const [part, value] of [["onResize", onResize], ["machineOf", machineOf]] as const) {
    if (value !== undefined && typeof value !== "function") wrongType(`backend.${part}`, "a function", value)
  }
  if (messageMillis !== undefined) {
    numberWhere("backend.messageMillis", messageMillis, "a number of at least 0", (millis) => millis >= 0)
  }
  return backend
}

type Part = "batches" | "execute" | "machineOf" | "messageMillis" | "name" | "onResize" | "prefetch" | "workers"

/** The batch that a mistake belongs to. */
export interface Blamed {
  readonly backend: string
  readonly task: string
  /** Index in the run of the first input of the batch. */
  readonly index: number | undefined
}

/** Makes the defect of a mistake. */
export const mistake = ({ backend, index, task }: Blamed, what: string, cause?: unknown): Error =>
  new Error(
    `task ${task}${index === undefined ? "" : `, input #${index}`}, backend ${backend}: ${what}`,
    cause === undefined ? undefined : { cause }
  )

/** Runs the effect that `execute` returns. It is a defect if `execute` throws, fails or returns something else. */
export const executed = <R>(
  execute: () => Effect.Effect<void, never, R>,
  blamed: Blamed
): Effect.Effect<void, never, R> =>
  Effect.suspend(() => {
    const effect = execute()
    return isEffect(effect)
      ? Effect.catch(
        effect as Effect.Effect<void, unknown, R>,
        (error) =>
          Effect.die(mistake(blamed, "its `execute` failed; it has to report failures of inputs by their exits", error))
      )
      : Effect.die(mistake(blamed, "its `execute` did not return an Effect"))
  })

/** Returns the mistake in the report of an exit, if there is one. `size` is the number of inputs of the batch. */
export const wrongReport = (position: unknown, exit: unknown, size: number): string | undefined =>
  !(Number.isInteger(position) && (position as number) >= 0 && (position as number) < size)
    ? `it reported position ${shorten(position)} of a batch of ${size}`
    : isWholeExit(exit)
    ? undefined
    : `it reported ${shorten(exit)}, which is not an Exit`

/** A callback of a batch that gets a position. */
type AtPosition<A> = ((position: number, ...told: any) => A) | undefined

/** The parts of a batch that depend on the position or on the whole batch. */
interface ManyInputs extends NumberedBatch {
  readonly inputs: ReadonlyArray<any>
  readonly began?: AtPosition<void>
  readonly interrupted?: AtPosition<void>
  readonly lost?: AtPosition<void>
}

/** Makes a batch of only the input at a position of another batch. */
export const batchOfOne = <B extends ManyInputs>(batch: B, position: number): B => {
  const at = <A>(tell: AtPosition<A>): AtPosition<A> => tell && ((_, ...told) => tell(position, ...told))
  return {
    ...batch,
    inputs: [batch.inputs[position]],
    index: () => batch.index(position),
    first: undefined,
    attempt: at(batch.attempt),
    key: at(batch.key),
    budget: undefined,
    recall: undefined,
    began: at(batch.began),
    interrupted: at(batch.interrupted),
    lost: at(batch.lost)
  }
}
