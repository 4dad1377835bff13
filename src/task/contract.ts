/**
 * The contract of a backend, for those who rely on it: what a backend is made of, how its `execute` ends, and the
 * mistakes that it is told of. A mistake of a backend is a defect that names it, and no input's fault.
 */
import * as Effect from "effect/Effect"
import { nonEmptyString, numberWhere, wrongType } from "../primitives/check.ts"
import { isEffect, isWholeExit } from "../primitives/effects.ts"
import { shorten } from "../primitives/shorten.ts"
import type { NumberedBatch } from "./attempt.ts"

/** Key of the backend among the services of a fiber, for those that know backends by their contract only. */
export const backendKey = "effect-parallel/Backend"

/**
 * Milliseconds for which a backend may give an input back again and again with nothing of its batch done, and number of times
 * that it may do so in any case: what waits for long, and is given back now and then, has only to wait.
 */
const patience = 30_000
const leastTimes = 40

/** Number of times that an input is dispatched again at once, and greatest delay after that, in milliseconds. */
const atOnce = 10
const longestDelay = 1000

/**
 * Times in a row that an input came back with nothing of its batch done. A crash gives back what waited behind the input
 * that caused it, also inputs of other runs, and machines that are restarted one after another do the same.
 */
export class GivenBack {
  times = 0
  /** Times of the first and the last time, in milliseconds of the monotonic clock. */
  since = 0
  until = 0

  /**
   * Counts one more, at a time in milliseconds. Returns the delay in milliseconds after which the input is dispatched again;
   * undefined if it has come back for too long.
   */
  again(now: number): number | undefined {
    if (this.times++ === 0) this.since = now
    this.until = now
    if (now - this.since >= patience && this.times >= leastTimes) return undefined
    return this.times <= atOnce ? 0 : Math.min(2 ** (this.times - atOnce), longestDelay)
  }
}

/** Checks what a backend is made of, and returns it; a bad part is a defect that names it. */
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

/** The batch to which a mistake belongs. */
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

/** Runs what `execute` returns. If it throws, fails or returns no effect, that is a defect. */
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

/** Tells what is wrong with the report of an exit, if something is; `size` is the number of inputs of the batch. */
export const wrongReport = (position: unknown, exit: unknown, size: number): string | undefined =>
  !(Number.isInteger(position) && (position as number) >= 0 && (position as number) < size)
    ? `it reported position ${shorten(position)} of a batch of ${size}`
    : isWholeExit(exit)
    ? undefined
    : `it reported ${shorten(exit)}, which is not an Exit`

/** What is told of a position of a batch. */
type AtPosition<A> = ((position: number, ...told: any) => A) | undefined

/** The parts of a batch that differ by position, or are those of the whole. */
interface ManyInputs extends NumberedBatch {
  readonly inputs: ReadonlyArray<any>
  readonly began?: AtPosition<void>
  readonly interrupted?: AtPosition<void>
  readonly lost?: AtPosition<void>
}

/** Makes the batch of the one input at a position of another. */
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
