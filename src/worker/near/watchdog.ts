/**
 * Watching a batch at its worker: whether an input takes longer than it may, whether the first begins, and which is under
 * way.
 */
import { LongTimeout } from "../../primitives/longTimeout.ts"
import { machineNow } from "../wire/machineClock.ts"
import { NotStarted } from "../wire/messages.ts"
import type { PoolOptions, WorkerHandle } from "./platform.ts"
import type { BatchRequest, Keeper } from "./request.ts"

/** Least number of milliseconds that a worker has for beginning an input: a busy machine may not let it sooner. */
const leastStartMillis = 1000

/** Greatest number of milliseconds after which it is looked again whether a batch has begun. */
const longestDelay = 64

/** What a watchdog has to know of the worker of its batch. */
interface Surroundings {
  readonly handle: WorkerHandle
  readonly slot: number
  readonly options: PoolOptions
  /** True if the worker has run the task before. */
  readonly isKnown: boolean
  /** Time since when the first batch of the worker is the first, in milliseconds of the machine's clock. */
  readonly busySince: () => number
  /** True if the worker is at a payload of another batch, which may keep this one waiting. */
  readonly isAtAnother: () => boolean
  /** Kills the worker, which has not begun the batch (`isStuck`) or is late with an input. */
  readonly kill: (isStuck: boolean) => void
}

/**
 * Watches a batch: kills the worker if it is at one payload for longer than the timeout and the grace, or if it does
 * not begin the first for too long while it has nothing else to do. A task that it has run before has to begin within
 * the timeout and the grace; for another it may have to start, import the module and build the layer first.
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
      // one that was sent ahead has its time from when it is the first: another may start before it
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
 * Calls `check` for a batch after `millis` milliseconds, unless it is over by then or has another timer. A late timer
 * fires before the messages that have arrived in the meantime, so `check` waits until these have been handled.
 */
export const setWatchdog = (request: BatchRequest, millis: number, check: () => void): void => {
  request.watchdog?.clear()
  const watchdog = new LongTimeout(() =>
    setImmediate(() => {
      if (request.watchdog === watchdog && request.state._tag !== "Over") check()
    }), millis)
  request.watchdog = watchdog
}

/** Tells which payload of a batch of a keeper is under way; asks again for the first until it has begun. */
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
