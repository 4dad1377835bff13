/**
 * The supervisor of one worker. It starts the worker when there is a batch for it, watches it, finds the input at which
 * it ended, and starts another worker for the next batch.
 *
 * | state | the worker | leads to |
 * | --- | --- | --- |
 * | `Absent` | does not exist | `Starting`, by `begin` |
 * | `Starting` | was spawned and does not listen yet; batches are already sent to it | `Up`, by its `Ready`; `Ending` |
 * | `Up` | listens | `Ending`, by `retire` |
 * | `Ending` | was told to end, and is killed after its grace; nothing new is sent to it | `Absent`, by `exited` |
 * | `Killed` | is being killed because of `culprit`: a batch that is late, does not begin, or does not stop | `Absent`, by `exited` |
 * | `Broken` | is being killed because it sent an invalid message; its later messages are ignored | `Absent`, by `exited` |
 *
 * From any state but `Absent` a worker may end by itself (`exited`), be killed (`kill`), or break (`breakOff`).
 *
 * | field | written by | valid |
 * | --- | --- | --- |
 * | `state` | the methods above | always |
 * | `assigned` | `begin`, `finish`, `takeBack`, `giveUp`, `cancel`, `exited` | the batches that are here |
 * | `exclusive` | `begin`, `onIdle`, `exited` | true while the only batch here must be alone |
 * | `tasks` | `begin`, `finish`, `takeBack`, `giveUp`, `cancel`, `exited` | number of payloads that this worker has had, compared with `maxTasksPerWorker` |
 * | `lastError` | `receive`, `breakOff`, `exited` | the value thrown outside a task, or the invalid message, until the worker ends |
 * | `begun` | `receive`, `exited` | tasks of which the worker has finished an input: they need no start-up time any more |
 * | `timer` | `onIdle`, `retire`; cleared by `begin`, `exited` | while idle (its `idleTimeout`), or ending (its grace) |
 *
 * Invariant: when a worker has ended, every batch that was in progress there is over, and the run dispatches its
 * unreported payloads again. Batches that waited there return to the pool, which may start the next worker while
 * `exited` still runs.
 */
import { LongTimeout } from "../../primitives/longTimeout.ts"
import { shorten } from "../../primitives/shorten.ts"
import { machineNow } from "../wire/machineClock.ts"
import { type FromFar, NotStarted, type Thrown } from "../wire/messages.ts"
import { isReply } from "../wire/replies.ts"
import { Assigned } from "./assigned.ts"
import type { Platform, PoolOptions, WorkerExit, WorkerHandle } from "./platform.ts"
import type { BatchRequest, Keeper, Placement } from "./request.ts"
import { accuse, convict, countVain, notStarted, startedOf, stuckFor } from "./verdict.ts"
import { follow, setWatchdog, watch } from "./watchdog.ts"

type WorkerState =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Starting" | "Up"; readonly handle: WorkerHandle }
  | { readonly _tag: "Ending"; readonly handle: WorkerHandle; readonly wasUp: boolean }
  | { readonly _tag: "Killed"; readonly handle: WorkerHandle; readonly culprit: BatchRequest; readonly stuck: boolean }
  | { readonly _tag: "Broken"; readonly handle: WorkerHandle; readonly wasUp: boolean }

const Absent: WorkerState = { _tag: "Absent" }

/**
 * Number of workers in a row that may end with no input in progress. After that a run gets no more workers, and its
 * inputs fail.
 */
const mostVain = 10

/** Milliseconds after which recalling a batch that had not begun is tried again. */
const recallMillis = 10

/** The part of the pool that supervisors use. */
export interface Room {
  /** Called when there may be room again. */
  readonly freed: () => void
  /** Takes batches that had not begun when their worker ended or returned them, in order. */
  readonly returned: (requests: ReadonlyArray<BatchRequest>) => void
}

export class WorkerSupervisor implements Keeper {
  readonly number: number
  private readonly platform: Platform
  private readonly options: PoolOptions
  private readonly room: Room
  private state: WorkerState = Absent
  /** The batches that are here. */
  readonly assigned = new Assigned()
  private exclusive = false
  private tasks = 0
  private lastError: Thrown | undefined
  private timer: LongTimeout | undefined
  private readonly begun = new Set<unknown>()
  private readonly endListeners: Array<() => void> = []

  constructor(number: number, platform: Platform, options: PoolOptions, room: Room) {
    this.number = number
    this.platform = platform
    this.options = options
    this.room = room
  }

  /** True if the worker exists. */
  get isPresent(): boolean {
    return this.state._tag !== "Absent"
  }

  /** True if the worker may get another batch. */
  get isOpen(): boolean {
    const { _tag } = this.state
    return _tag !== "Ending" && _tag !== "Killed" && _tag !== "Broken" && !this.exclusive && !this.assigned.isFull &&
      this.tasks < this.options.maxTasksPerWorker
  }

  /**
   * Sends a batch, up to the number of payloads that the worker may still take. Starts the worker if it does not exist.
   * A batch without payloads that can be sent is over. Returns false for a batch that may not be sent `ahead` because
   * it could not be taken back.
   */
  begin(request: BatchRequest, ahead: boolean): boolean {
    request.assignedAt = machineNow()
    const count = request.prepare(this.options.maxTasksPerWorker - this.tasks)
    if (ahead && (request.payloads.moves || request.hasFailures)) return false
    const wanted = count > 0 && request.state._tag === "Queued"
    const handle = wanted ? this.ensureSpawned(request) : undefined
    if (handle === undefined) this.over(request)
    else this.assign(request, ahead, count, handle)
    return true
  }

  /** Gives a batch to the worker. */
  private assign(request: BatchRequest, ahead: boolean, count: number, handle: WorkerHandle): void {
    this.timer?.clear()
    const placement = this.assigned.add(request, ahead, count, this)
    this.tasks += count
    this.exclusive = request.alone
    try {
      handle.clear(placement.slot)
      handle.hold(true)
      this.send(request, placement, handle)
    } catch (error) {
      request.failAllCrashed(notStarted(shorten(error, 400)), this.number)
      this.finish(request)
    }
  }

  /** Stops a batch. Kills the worker if the batch does not stop within the grace period. */
  cancel(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || this.state._tag === "Absent") return
    const { handle } = this.state
    if (request.ahead !== undefined && request.isPosted && handle.withdraw?.(state.slot) === true) {
      this.assigned.withdraw(request, handle, this.isReachable)
      this.tasks -= state.count
      return this.over(request)
    }
    request.state = { ...state, _tag: "Stopping" }
    const { position, since } = handle.position(state.slot)
    if (position >= 0) request.tellInterrupted(position, this.number, since)
    handle.cut?.(state.slot)
    if (this.isReachable) handle.post({ _tag: "Cancel", id: state.id }, [])
    setWatchdog(request, this.options.grace, () => this.kill(request, false))
  }

  /**
   * Recalls the unstarted payloads of a batch: cuts the batch if the platform can, otherwise asks the worker. A batch
   * that has not begun is recalled once it has. Otherwise a batch that takes long to read could be sent and recalled
   * forever.
   */
  recall(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || state.keeper !== this || this.state._tag === "Absent" || !this.isReachable) return
    const { handle } = this.state
    if (handle.position(state.slot).position === NotStarted) {
      setTimeout(() => this.recall(request), recallMillis).unref()
      return
    }
    const started = handle.cut?.(state.slot)
    if (started === undefined) handle.post({ _tag: "Recall", id: state.id }, [])
    else request.giveBack(started)
  }

  /**
   * Takes back the first batch that waits here and may begin elsewhere, with the batches of its run that wait behind
   * it. Returns none if there is no such batch, or if the worker must be asked; then the pool gets it by `returned`.
   */
  takeBack(): ReadonlyArray<BatchRequest> {
    if (this.state._tag === "Absent" || !this.isReachable) return []
    const taken = this.assigned.takeBack(this.state.handle)
    for (const { state } of taken) this.tasks -= (state as Placement).count
    return taken
  }

  /**
   * Ends the worker. Resolves when it has ended. The worker stops its batches and releases its layers; after the grace
   * period it is killed.
   */
  end(): Promise<void> {
    if (this.state._tag === "Absent") return Promise.resolve()
    return new Promise((resolve) => {
      this.endListeners.push(resolve)
      this.retire()
    })
  }

  /** True if messages can be sent to the worker. */
  private get isReachable(): boolean {
    return this.state._tag === "Starting" || this.state._tag === "Up"
  }

  /**
   * Sends the payloads that can be cloned and fails the others. A failure may end the run and so stop this batch, but
   * only after the fiber of the run gets control back. So after a failure the remaining payloads are sent a microtask
   * later, unless the batch was stopped.
   */
  private send(request: BatchRequest, { id, slot }: Placement, handle: WorkerHandle): void {
    const shared = request.introduce(handle)
    const post = (): void => {
      const { count, job, payloads: { outOfBand }, state } = request
      if (!("keeper" in state) || state.keeper !== this || state.id !== id) return
      if (state._tag !== "Sent" || count === 0) return this.finish(request)
      try {
        handle.post(request.messageTo(state, shared), outOfBand.transfer)
      } catch (error) {
        request.payloads.moveOutOfBand(error)
        return queueMicrotask(post)
      }
      request.isPosted = true
      if (request.isRecalled) this.recall(request)
      outOfBand.close()
      watch(request, {
        handle,
        slot,
        options: this.options,
        isKnown: this.begun.has(job),
        busySince: () => this.assigned.busySince,
        isAtAnother: () =>
          startedOf([...this.assigned.values()], handle).some((started) => started.request !== request),
        kill: (isStuck) => this.kill(request, isStuck)
      })
      if (request.isFollowed) follow(request, this, handle)
    }
    if (request.hasFailures) queueMicrotask(post)
    else post()
  }

  /**
   * Handles a message of the worker. A message that the worker was not asked for is invalid: a task may have reached
   * the channel, so no later message from it is trusted.
   */
  private receive(message: unknown): void {
    if (this.state._tag === "Broken" || this.state._tag === "Absent") return
    if (!isReply(message)) return this.breakOff(message)
    if (message._tag === "Ready") {
      if (this.state._tag === "Starting") this.state = { ...this.state, _tag: "Up" }
      else if (this.state._tag === "Ending") this.state = { ...this.state, wasUp: true }
      return
    }
    if (message._tag === "Dying") {
      this.lastError = message.error
      return
    }
    const request = this.assigned.get(message.id)
    if (request === undefined) return this.receiveLate(message)
    switch (message._tag) {
      case "Exits":
        if (!request.expects(message)) return this.breakOff(message)
        this.begun.add(request.job)
        if (request.ahead !== undefined) this.hasBegun(request)
        request.settle(message, this.number)
        if (request.isFollowed) follow(request, this, this.state.handle)
        if (message.over) this.finish(request)
        return
      case "Log":
        try {
          return request.log(message, this.number)
        } catch {
          return this.breakOff(message)
        }
      case "Refused":
        try {
          request.refuse(message.fault)
        } catch {
          return this.breakOff(message)
        }
        return this.finish(request)
      case "Done":
        return request.ahead === "Leaving" ? this.giveUp(request) : this.finish(request)
    }
  }

  /** Handles a message about a batch that is no longer here, which may confirm that it was taken back. */
  private receiveLate(message: Exclude<FromFar, { readonly _tag: "Ready" | "Dying" }>): void {
    const { _tag, id } = message
    if (!this.assigned.hasSeen(id)) return this.breakOff(message)
    const isOver = _tag === "Done" || _tag === "Refused" || (_tag === "Exits" && message.over)
    if (isOver && this.assigned.forget(id)) this.room.freed()
  }

  /** Notes that a batch that was sent ahead has begun. Others may be taken back instead. */
  private hasBegun(request: BatchRequest): void {
    request.ahead = undefined
    queueMicrotask(this.room.freed)
  }

  /** Returns to the pool a batch that its worker has given back unbegun. */
  private giveUp(request: BatchRequest): void {
    if (request.state._tag !== "Sent") return this.finish(request)
    this.tasks -= this.release(request)
    if (this.assigned.size === 0) this.onIdle()
    this.room.returned([request])
    this.room.freed()
  }

  /**
   * Ends a worker that has sent an invalid message. The input in progress fails, as if the worker had crashed there.
   */
  private breakOff(nonsense: unknown): void {
    if (this.state._tag === "Broken" || this.state._tag === "Absent") return
    const { handle, _tag } = this.state
    this.lastError = { _tag: "Shown", text: `it sent an invalid message: ${shorten(nonsense)}` }
    this.state = { _tag: "Broken", handle, wasUp: _tag !== "Starting" }
    handle.kill()
  }

  /** Ends a batch that its worker is done with. Payloads without a report do not count as tasks. */
  private finish(request: BatchRequest): void {
    this.tasks -= this.release(request) - request.told
    if (this.assigned.size === 0) this.onIdle()
    this.over(request)
  }

  /** Frees the slot of a batch. Returns the number of payloads that were counted for it. */
  private release(request: BatchRequest): number {
    const { count } = request.state as Placement
    this.assigned.remove(request)
    return count
  }

  /** Ends a batch and reports that there is room. */
  private over(request: BatchRequest): void {
    request.end()
    this.room.freed()
  }

  /** Lets the program exit while the worker is idle. Ends the worker after its last task, or after its idle time. */
  private onIdle(): void {
    this.exclusive = false
    if (this.state._tag === "Absent" || !this.isReachable) return
    this.state.handle.hold(false)
    if (this.tasks >= this.options.maxTasksPerWorker) return this.retire()
    if (this.options.idleTimeout === Infinity) return
    this.timer = new LongTimeout(() => this.retire(), this.options.idleTimeout).unref()
  }

  /** Tells the worker to end, and kills it after the grace period. */
  private retire(): void {
    if (this.state._tag === "Absent" || !this.isReachable) return
    const { handle } = this.state
    this.timer?.clear()
    this.state = { _tag: "Ending", handle, wasUp: this.state._tag === "Up" }
    handle.hold(true)
    handle.post({ _tag: "End" }, [])
    this.timer = new LongTimeout(() => handle.kill(), this.options.grace)
  }

  /** Kills the worker because of a batch. The batch is `stuck` if none of its inputs began in time. */
  private kill(culprit: BatchRequest, stuck: boolean): void {
    if (this.state._tag === "Absent" || this.state._tag === "Killed" || this.state._tag === "Broken") return
    const { handle } = this.state
    this.state = { _tag: "Killed", handle, culprit, stuck }
    handle.kill()
  }

  /**
   * Returns the handle of the worker. Spawns it if it does not exist; if that fails, fails all payloads of the batch.
   */
  private ensureSpawned(request: BatchRequest): WorkerHandle | undefined {
    if (this.state._tag !== "Absent") return this.state.handle
    if (request.run.vain >= mostVain) {
      request.failAllCrashed(notStarted(`${mostVain} workers in a row ended before they began an input`), this.number)
      return undefined
    }
    try {
      const handle = this.platform.spawn(this.number, {
        onMessage: (message) => this.receive(message),
        onNonsense: (error) => this.breakOff(error),
        onExit: (exit) => this.exited(exit)
      })
      this.state = { _tag: "Starting", handle }
      return handle
    } catch (error) {
      request.failAllCrashed(notStarted(shorten(error, 400)), this.number)
      return undefined
    }
  }

  /** Handles the end of the worker: finds the inputs at which it ended, and ends the batches that were here. */
  private exited(exit: WorkerExit): void {
    const { state } = this
    if (state._tag === "Absent") return
    const waiting = [...this.assigned.values()].slice(1).filter((request) => isWaiting(request, state.handle))
    for (const request of waiting) this.release(request)
    const remaining = [...this.assigned.values()]
    const started = startedOf(remaining, state.handle, state._tag === "Broken")
    const crash = { exit, thrown: this.lastError }
    for (const request of remaining) request.ahead = undefined
    this.timer?.clear()
    this.begun.clear()
    this.state = Absent
    this.exclusive = false
    this.tasks = 0
    this.lastError = undefined
    this.assigned.reset()
    this.room.returned(waiting)
    countVain(remaining, started)
    if (state._tag === "Killed") {
      convict(
        state.culprit,
        state.stuck ? stuckFor(this.options.startTimeout) : undefined,
        started,
        state.handle,
        this.number
      )
    } else accuse(remaining, started, wasUp(state), crash, state.handle, this.number)
    for (const request of remaining) {
      this.release(request)
      request.end()
    }
    for (const done of this.endListeners.splice(0)) done()
    this.room.freed()
  }
}

/** True if a batch was sent ahead and has not begun. */
const isWaiting = ({ ahead, state }: BatchRequest, handle: WorkerHandle): boolean =>
  ahead !== undefined && state._tag === "Sent" && handle.position(state.slot).position === NotStarted

/** True if a worker has been ready. */
const wasUp = (state: WorkerState): boolean => state._tag === "Up" || ("wasUp" in state && state.wasUp)
