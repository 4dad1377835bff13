/**
 * Watches a batch at its worker: kills the worker if an input takes too long or the first does not begin, and reports
 * which input is in progress.
 */
import { LongTimeout } from "../../primitives/longTimeout.ts"
import { machineNow } from "../wire/machineClock.ts"
import { NotStarted } from "../wire/messages.ts"
import type { PoolOptions, WorkerHandle } from "./platform.ts"
import type { BatchRequest, Keeper } from "./request.ts"

/** Least time that a worker has to begin an input, in milliseconds. On a busy machine it may need that long. */
const leastStartMillis = 1000

/** Longest delay between two checks whether a batch has begun, in milliseconds. */
const longestDelay = 64

/** The worker of a batch, as its watchdog needs it. */
interface Surroundings {
  readonly handle: WorkerHandle
  readonly slot: number
  readonly options: PoolOptions
  /** True if the worker has run the task before. */
  readonly isKnown: boolean
  /** Time since which the first batch of the worker is the first, in milliseconds of the machine's clock. */
  readonly busySince: () => number
  /** True if a payload of another batch is in progress there, which may keep this batch waiting. */
  readonly isAtAnother: () => boolean
  /** Kills the worker, because it has not begun the batch (`isStuck`) or is late with an input. */
  readonly kill: (isStuck: boolean) => void
}

/**
 * Watches a batch. Kills the worker if a payload takes longer than the timeout plus the grace period, or if the first
 * does not begin in time while the worker has nothing else to do. A task that the worker has run before must begin
 * within the timeout plus the grace period, but has at least one second. Another task has `startTimeout`, because the
 * worker may have to start, import the module and build the layer first. Without a timeout, every task has
 * `startTimeout`.
 */
export const watch = (request: BatchRequest, surroundings: Surroundings): void => {
  const { busySince, handle, isAtAnother, isKnown, kill, options: { grace, startTimeout }, slot } = surroundings
  const { timeout } = request.limits
  const patience = timeout === undefined ? Infinity : timeout + grace
  const isStart = timeout === undefined || !isKnown
  const startPatience = isStart ? startTimeout : Math.max(patience, leastStartMillis)
  let idleSince = machineNow()
  const check = () => {
    const { position, since } = handle.position(slot)
    if (position === NotStarted) {
      // the time of a batch that was sent ahead counts from when it is the first
      if (request.ahead !== undefined || isAtAnother()) idleSince = machineNow()
      const waited = machineNow() - Math.max(idleSince, busySince())
      if (waited >= startPatience) return kill(isStart)
      return setWatchdog(request, Math.min(patience, startPatience - waited + 1), check)
    }
    if (timeout === undefined) return
    const waited = request.isSettled(position) ? 0 : machineNow() - since
    if (waited >= patience) return kill(false)
    setWatchdog(request, patience - waited + 1, check)
  }
  setWatchdog(request, Math.min(patience, startPatience), check)
}

/**
 * Calls `check` for a batch after `millis` milliseconds, unless the batch is over by then or has another timer. A late
 * timer fires before the messages that have arrived in the meantime, so `check` waits until those are handled.
 */
export const setWatchdog = (request: BatchRequest, millis: number, check: () => void): void => {
  request.watchdog?.clear()
  const watchdog = new LongTimeout(() =>
    setImmediate(() => {
      if (request.watchdog === watchdog && request.state._tag !== "Over") check()
    }), millis)
  request.watchdog = watchdog
}

/** Reports which payload of a batch is in progress. If none has begun, checks again later. */
export const follow = (
  request: BatchRequest,
  keeper: Keeper & { readonly number: number },
  handle: WorkerHandle,
  delay = 1
): void => {
  const { state } = request
  if ((state._tag !== "Sent" && state._tag !== "Stopping") || state.keeper !== keeper) return
  const { position, since } = handle.position(state.slot)
  if (position >= 0) request.tellBegun(position, keeper.number, since)
  else if (state._tag === "Sent") {
    setTimeout(() => follow(request, keeper, handle, Math.min(2 * delay, longestDelay)), delay).unref()
  }
}
