/**
 * The supervisor of one worker: it starts the worker when there is a batch for it, watches it, finds out at which input
 * it ended, and starts another for the next batch.
 *
 * | state | the worker | leads to |
 * | --- | --- | --- |
 * | `Absent` | does not exist | `Starting`, by `begin` |
 * | `Starting` | was spawned and does not listen yet; batches are sent to it anyway | `Up`, by its `Ready`; `Ending` |
 * | `Up` | listens | `Ending`, by `retire` |
 * | `Ending` | was told to end, and is killed after its grace; nothing new is sent to it | `Absent`, by `exited` |
 * | `Killed` | is being killed because of `culprit`: a batch that is late, does not begin, or does not stop | `Absent`, by `exited` |
 * | `Broken` | is being killed because it sent what is no message; nothing more is heard of it | `Absent`, by `exited` |
 *
 * From any state but `Absent` a worker may end by itself (`exited`), be killed (`kill`), or break (`breakOff`).
 *
 * | field | written by | valid |
 * | --- | --- | --- |
 * | `state` | the methods above | always |
 * | `active`, `free` | `begin`, `finish`, `exited` | the batches that are here, each in one slot; the other slots |
 * | `exclusive` | `begin`, `onIdle`, `exited` | true while the only batch here must be alone |
 * | `tasks` | `begin`, `finish`, `exited` | number of payloads that this worker has had, against `maxTasksPerWorker` |
 * | `lastError` | `receive`, `breakOff`, `exited` | what the worker has thrown outside a task, or sent, until it ends |
 * | `begun` | `receive`, `exited` | tasks of which the worker has finished an input: they need no start any more |
 * | `timer` | `onIdle`, `retire`; cleared by `begin`, `exited` | while idle (its `idleTimeout`), or ending (its grace) |
 *
 * Invariant: when a worker has ended, each batch that was with it is over, and what it did not report is dispatched again
 * by the run. That may happen while `exited` runs, and start the next worker.
 */
import { LongTimeout } from "../../primitives/longTimeout.ts"
import { shorten } from "../../primitives/shorten.ts"
import { machineNow } from "../wire/machineClock.ts"
import { type BatchMessage, NotStarted, type Thrown } from "../wire/messages.ts"
import { isReply } from "../wire/replies.ts"
import { type Platform, type PoolOptions, slots, type WorkerExit, type WorkerHandle } from "./platform.ts"
import type { BatchRequest, Keeper, Placement, WorkerCrash } from "./request.ts"
import { accuse, convict, countVain, notStarted, startedOf } from "./verdict.ts"

type WorkerState =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Starting" | "Up"; readonly handle: WorkerHandle }
  | { readonly _tag: "Ending"; readonly handle: WorkerHandle; readonly wasUp: boolean }
  | { readonly _tag: "Killed"; readonly handle: WorkerHandle; readonly culprit: BatchRequest; readonly stuck: boolean }
  | { readonly _tag: "Broken"; readonly handle: WorkerHandle; readonly wasUp: boolean }

const Absent: WorkerState = { _tag: "Absent" }

/**
 * Number of workers that may end one after another while nothing is under way there. After that a run gets no further
 * worker: its inputs fail.
 */
const mostVain = 10

/** Milliseconds after which a batch that was to be recalled is looked at again, if it had not begun. */
const recallMillis = 10

/** Greatest number of milliseconds after which it is looked again whether a batch has begun. */
const longestFollowDelay = 64

/** Least number of milliseconds that a worker has for beginning an input: a busy machine may not let it sooner. */
const leastStartMillis = 1000

export class WorkerSupervisor implements Keeper {
  readonly number: number
  private readonly platform: Platform
  private readonly options: PoolOptions
  /** Callback for when there may be room again. */
  private readonly freed: () => void
  private state: WorkerState = Absent
  private readonly active = new Map<number, BatchRequest>()
  private readonly free = Array.from({ length: slots }, (_, slot) => slots - 1 - slot)
  private exclusive = false
  private ids = 0
  private tasks = 0
  private lastError: Thrown | undefined
  private timer: LongTimeout | undefined
  private readonly begun = new Set<unknown>()
  private readonly endListeners: Array<() => void> = []

  constructor(number: number, platform: Platform, options: PoolOptions, freed: () => void) {
    this.number = number
    this.platform = platform
    this.options = options
    this.freed = freed
  }

  /** Number of batches that are here. */
  get load(): number {
    return this.active.size
  }

  /** True if the worker exists. */
  get isPresent(): boolean {
    return this.state._tag !== "Absent"
  }

  /** True if another batch may come here. */
  get isOpen(): boolean {
    const { _tag } = this.state
    return _tag !== "Ending" && _tag !== "Killed" && _tag !== "Broken" && !this.exclusive && this.free.length > 0 &&
      this.tasks < this.options.maxTasksPerWorker
  }

  /**
   * Sends a batch, up to the number of payloads that the worker may still take. Starts the worker if it does not exist.
   * A batch of which nothing can be sent is over.
   */
  begin(request: BatchRequest): void {
    request.assignedAt = machineNow()
    const count = request.prepare(this.options.maxTasksPerWorker - this.tasks)
    const wanted = count > 0 && request.state._tag === "Queued"
    const handle = wanted ? this.ensureSpawned(request) : undefined
    if (handle === undefined) return this.over(request)
    this.timer?.clear()
    const id = ++this.ids
    const slot = this.free.pop()!
    request.state = { _tag: "Sent", keeper: this, id, slot, count }
    this.active.set(id, request)
    this.tasks += count
    this.exclusive = request.alone
    try {
      handle.clear(slot)
      handle.hold(true)
      this.send(request, request.state, handle)
    } catch (error) {
      request.failAllCrashed(notStarted(shorten(error, 400)), this.number)
      this.finish(request)
    }
  }

  /** Stops a batch; kills the worker if it does not stop within the grace. */
  cancel(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || this.state._tag === "Absent") return
    request.state = { ...state, _tag: "Stopping" }
    const { handle } = this.state
    const { position, since } = handle.position(state.slot)
    if (position >= 0) request.tellInterrupted(position, this.number, since)
    handle.cut?.(state.slot)
    if (this.isReachable) handle.post({ _tag: "Cancel", id: state.id }, [])
    this.setWatchdog(request, this.options.grace, () => this.kill(request, false))
  }

  /**
   * Recalls the unstarted payloads of a batch: cuts it where the platform can, or asks the worker. A batch that has not
   * begun is recalled when it has. Otherwise a batch that takes long to read could be sent and recalled for ever.
   */
  recall(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || this.state._tag === "Absent" || !this.isReachable) return
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
   * Ends the worker; resolves when it has ended. It stops its batches and releases its layers; after the grace it is
   * killed.
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
   * Sends the payloads that can be cloned and fails the others. A failure may end the run, and with it this batch; its fiber
   * learns of that when it gets control back, so what is left is sent a microtask later, unless the batch was stopped.
   */
  private send(request: BatchRequest, { id, slot }: Placement, handle: WorkerHandle): void {
    const shared = request.introduce(handle)
    const post = (): void => {
      const { ambient, count, job, limits, payloads: { outOfBand, places, values }, state } = request
      if (state._tag === "Over") return
      if (state._tag !== "Sent" || count === 0) return this.finish(request)
      const message: BatchMessage = {
        _tag: "Run",
        id,
        slot,
        module: job.module,
        task: job.name,
        payloads: values,
        places,
        outOfBand: outOfBand.sealed,
        timeout: limits.timeout,
        budget: limits.budget,
        shared,
        ambient
      }
      try {
        handle.post(message, outOfBand.transfer)
      } catch (error) {
        request.payloads.moveOutOfBand(error)
        return queueMicrotask(post)
      }
      outOfBand.close()
      this.watch(request, slot, handle)
      if (request.isFollowed) this.follow(request)
    }
    if (request.hasFailures) queueMicrotask(post)
    else post()
  }

  /**
   * Handles a message of the worker. What the worker was not asked for is nonsense: a task may have reached the channel,
   * so nothing that comes from there is trusted any more.
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
    const request = this.active.get(message.id)
    if (request === undefined) return message.id <= this.ids ? undefined : this.breakOff(message)
    switch (message._tag) {
      case "Exits":
        if (!request.expects(message)) return this.breakOff(message)
        this.begun.add(request.job)
        request.settle(message, this.number)
        if (request.isFollowed) this.follow(request)
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
        return this.finish(request)
    }
  }

  /** Ends a worker that has sent what is no message. The input it was at fails, as if the worker had crashed there. */
  private breakOff(nonsense: unknown): void {
    if (this.state._tag === "Broken" || this.state._tag === "Absent") return
    const { handle, _tag } = this.state
    this.lastError = { _tag: "Shown", text: `it has sent what is no message: ${shorten(nonsense)}` }
    this.state = { _tag: "Broken", handle, wasUp: _tag !== "Starting" }
    handle.kill()
  }

  /** Ends a batch that its worker is done with. Payloads that were not reported do not count as tasks. */
  private finish(request: BatchRequest): void {
    this.tasks -= this.release(request) - request.told
    if (this.active.size === 0) this.onIdle()
    this.over(request)
  }

  /** Frees the slot of a batch; returns how many payloads were counted for it. */
  private release(request: BatchRequest): number {
    const { count, id, slot } = request.state as Placement
    this.active.delete(id)
    this.free.push(slot)
    return count
  }

  /** Ends a batch and reports room. */
  private over(request: BatchRequest): void {
    request.end()
    this.freed()
  }

  /** Lets an idle worker no longer keep the program running, and ends it when it has had its tasks or its idle time. */
  private onIdle(): void {
    this.exclusive = false
    if (this.state._tag === "Absent" || !this.isReachable) return
    this.state.handle.hold(false)
    if (this.tasks >= this.options.maxTasksPerWorker) return this.retire()
    if (this.options.idleTimeout === Infinity) return
    this.timer = new LongTimeout(() => this.retire(), this.options.idleTimeout).unref()
  }

  /** Tells the worker to end; kills it after the grace. */
  private retire(): void {
    if (this.state._tag === "Absent" || !this.isReachable) return
    const { handle } = this.state
    this.timer?.clear()
    this.state = { _tag: "Ending", handle, wasUp: this.state._tag === "Up" }
    handle.hold(true)
    handle.post({ _tag: "End" }, [])
    this.timer = new LongTimeout(() => handle.kill(), this.options.grace)
  }

  /** Kills the worker because of a batch, which may be stuck: nothing of it has begun in time. */
  private kill(culprit: BatchRequest, stuck: boolean): void {
    if (this.state._tag === "Absent" || this.state._tag === "Killed" || this.state._tag === "Broken") return
    const { handle } = this.state
    this.state = { _tag: "Killed", handle, culprit, stuck }
    handle.kill()
  }

  /**
   * Watches a batch: kills the worker if it is at one payload for longer than the timeout and the grace, or if it does
   * not begin the first for too long while it has nothing else to do. A task that it has run before has to begin within
   * the timeout and the grace; for another it may have to start, import the module and build the layer first.
   */
  private watch(request: BatchRequest, slot: number, handle: WorkerHandle): void {
    const { job, limits: { timeout } } = request
    const { grace, startTimeout } = this.options
    const patience = timeout === undefined ? Infinity : timeout + grace
    const isStart = timeout === undefined || !this.begun.has(job)
    const startPatience = isStart ? startTimeout : Math.max(patience, leastStartMillis)
    let idleSince = machineNow()
    const check = () => {
      const { position, since } = handle.position(slot)
      if (position === NotStarted) {
        if (this.isAtAnother(request, handle)) idleSince = machineNow()
        const waited = machineNow() - idleSince
        if (waited >= startPatience) return this.kill(request, isStart)
        return this.setWatchdog(request, Math.min(patience, startPatience - waited + 1), check)
      }
      if (timeout === undefined) return
      const waited = request.isSettled(position) ? 0 : machineNow() - since
      if (waited >= patience) return this.kill(request, false)
      this.setWatchdog(request, patience - waited + 1, check)
    }
    this.setWatchdog(request, Math.min(patience, startPatience), check)
  }

  /** Tells which payload of a batch is under way; asks again for the first until it has begun. */
  private follow(request: BatchRequest, delay = 1): void {
    const { state } = request
    if ((state._tag !== "Sent" && state._tag !== "Stopping") || this.state._tag === "Absent") return
    const { position, since } = this.state.handle.position(state.slot)
    if (position >= 0) request.tellBegun(position, this.number, since)
    else if (state._tag === "Sent") {
      setTimeout(() => this.follow(request, Math.min(2 * delay, longestFollowDelay)), delay).unref()
    }
  }

  /** True if the worker is at a payload of another batch, which may keep this one waiting. */
  private isAtAnother(request: BatchRequest, handle: WorkerHandle): boolean {
    return startedOf([...this.active.values()], handle).some((started) => started.request !== request)
  }

  /** Crash of a worker that was ended because it was stuck. */
  private get stuckCrash(): WorkerCrash {
    const seconds = this.options.startTimeout / 1000
    return notStarted(
      `it has begun no input within ${seconds} s, in which it had to start, to import the module and to build the layer ` +
        "of the task (startTimeout)"
    )
  }

  /**
   * Calls `check` for a batch after `millis` milliseconds, unless it is over by then or has another timer. A late timer
   * fires before the messages that have arrived in the meantime, so `check` waits until these have been handled.
   */
  private setWatchdog(request: BatchRequest, millis: number, check: () => void): void {
    request.watchdog?.clear()
    const watchdog = new LongTimeout(() =>
      setImmediate(() => {
        if (request.watchdog === watchdog && request.state._tag !== "Over") check()
      }), millis)
    request.watchdog = watchdog
  }

  /**
   * Returns the handle of the worker; spawns it if it does not exist. If that fails, all payloads of the batch fail.
   */
  private ensureSpawned(request: BatchRequest): WorkerHandle | undefined {
    if (this.state._tag !== "Absent") return this.state.handle
    if (request.run.vain >= mostVain) {
      request.failAllCrashed(notStarted(`${mostVain} workers have ended before they began an input`), this.number)
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

  /** Handles the end of the worker: finds the inputs that it ended at, and ends the batches that were here. */
  private exited(exit: WorkerExit): void {
    const { state } = this
    if (state._tag === "Absent") return
    const remaining = [...this.active.values()]
    const started = startedOf(remaining, state.handle, state._tag === "Broken")
    const crash = { exit, thrown: this.lastError }
    this.timer?.clear()
    this.begun.clear()
    this.state = Absent
    this.exclusive = false
    this.tasks = 0
    this.lastError = undefined
    countVain(remaining, started)
    if (state._tag === "Killed") {
      convict(state.culprit, state.stuck ? this.stuckCrash : undefined, started, state.handle, this.number)
    } else accuse(remaining, started, wasUp(state), crash, state.handle, this.number)
    for (const request of remaining) {
      this.release(request)
      request.end()
    }
    for (const done of this.endListeners.splice(0)) done()
    this.freed()
  }
}

/** True if a worker has listened. */
const wasUp = (state: WorkerState): boolean => state._tag === "Up" || ("wasUp" in state && state.wasUp)
