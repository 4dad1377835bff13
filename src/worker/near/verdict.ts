/**
 * Decides what happens to inputs when a worker has ended: which fail, which run again alone, and which are dispatched
 * again as usual.
 */
import { NotStarted } from "../wire/messages.ts"
import type { WorkerHandle } from "./platform.ts"
import type { BatchRequest, Placement, WorkerCrash } from "./request.ts"

/** A payload in progress at a worker. */
export interface Started {
  readonly request: BatchRequest
  readonly payload: number
  /** Time at which it began, in milliseconds of the machine's clock. */
  readonly since: number
}

/**
 * Returns the payloads in progress: the current payload of each batch, if its exit is not known. If a task has written
 * to the channel (`isBroken`) or over the position of its batch, any payload that was begun and not reported may be to
 * blame, so all of these are returned.
 */
export const startedOf = (
  batches: ReadonlyArray<BatchRequest>,
  handle: WorkerHandle,
  isBroken = false
): ReadonlyArray<Started> =>
  batches.flatMap((request) => {
    const position = positionOf(request, handle)
    const { since } = handle.position((request.state as Placement).slot)
    if (position === NotStarted) return []
    const last = Number.isNaN(position) ? request.count - 1 : position
    const first = Number.isNaN(position) || isBroken ? Math.min(request.told, last) : last
    return Array.from({ length: last - first + 1 }, (_, k) => ({ request, payload: first + k, since }))
      .filter(({ payload }) => !request.isSettled(payload))
  })

/** Returns the current payload of a batch, or `NaN` if it is unknown. */
const positionOf = (request: BatchRequest, handle: WorkerHandle): number => {
  const { position } = handle.position((request.state as Placement).slot)
  return position < request.count ? position : NaN
}

/** Makes the crash of a worker that could not be started. */
export const notStarted = (text: string): WorkerCrash => ({
  exit: { exitCode: undefined, signal: undefined, stderr: text },
  thrown: undefined
})

/** Makes the crash of a worker that was killed because it was stuck. */
export const stuckFor = (startTimeout: number): WorkerCrash =>
  notStarted(
    `it began no input within ${startTimeout / 1000} s (startTimeout), the time to start, to import the module ` +
      "and to build the layer of the task"
  )

/**
 * Counts a worker that ended with no input in progress, for each run that had batches there. If an input was in
 * progress, it may have ended the worker, and the batches that waited are not to blame.
 */
export const countVain = (remaining: ReadonlyArray<BatchRequest>, started: ReadonlyArray<Started>): void => {
  if (started.length === 0) { for (const run of new Set(remaining.map((request) => request.run))) run.vain++ }
  for (const { request } of started) request.run.vain = 0
}

/**
 * Finds the input at which a worker ended that was not killed because of an input, and fails it. If several inputs were
 * in progress, each runs again alone. If none was, the first input of a batch fails only when this happens to it for
 * the second time, because the cause may be older than the batch. If the worker was never ready, no other will be, so
 * all payloads fail.
 */
export const accuse = (
  remaining: ReadonlyArray<BatchRequest>,
  started: ReadonlyArray<Started>,
  wasUp: boolean,
  crash: WorkerCrash,
  handle: WorkerHandle,
  worker: number
): void => {
  const wanted = remaining.filter((request) => request.state._tag !== "Stopping")
  if (!wasUp) {
    for (const request of wanted) request.failAllCrashed(crash, worker)
  } else if (remaining.every((request) => positionOf(request, handle) === NotStarted)) {
    for (const request of wanted) if (request.noteUnlucky()) request.failCrashed(0, crash, worker)
  } else if (started.length === 1) {
    const { payload, request, since } = started[0]!
    if (request.state._tag !== "Stopping") request.failCrashed(payload, crash, worker, since)
  } else {
    noteSuspects(started, worker)
  }
}

/**
 * Fails the input that a worker was killed for, unless its batch has ended in the meantime. If the batch was
 * `stuck`, fails all its inputs. If several inputs were in progress, any of them may have blocked the worker, so each
 * runs again alone.
 */
export const convict = (
  culprit: BatchRequest,
  stuck: WorkerCrash | undefined,
  started: ReadonlyArray<Started>,
  handle: WorkerHandle,
  worker: number
): void => {
  if (culprit.state._tag === "Stopping") return
  if (started.length > 1) return noteSuspects(started, worker)
  if (culprit.state._tag !== "Sent") return
  const payload = positionOf(culprit, handle)
  if (payload === NotStarted && stuck !== undefined) culprit.failAllCrashed(stuck, worker)
  else {
    const { since } = started[0] ?? handle.position(culprit.state.slot)
    culprit.failLate(Math.max(0, started[0]?.payload ?? payload), worker, since)
  }
}

const noteSuspects = (started: ReadonlyArray<Started>, worker: number): void => {
  for (const { payload, request, since } of started) {
    if (request.state._tag === "Sent") request.noteSuspect(payload, worker, since)
  }
}
