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
 * | `Killed` | is being killed because of `culprit`: a batch that is late, or does not stop | `Absent`, by `exited` |
 *
 * From any state but `Absent` a worker may end by itself (`exited`), or be killed (`kill`).
 *
 * | field | written by | valid |
 * | --- | --- | --- |
 * | `state` | the methods above | always |
 * | `active`, `free` | `begin`, `finish`, `exited` | the batches that are here, each in one slot; the other slots |
 * | `exclusive` | `begin`, `onIdle`, `exited` | true while the only batch here must be alone |
 * | `tasks` | `begin`, `finish`, `exited` | number of payloads that this worker has had, against `maxTasksPerWorker` |
 * | `lastError` | `receive`, `exited` | what the worker has thrown outside a task, until it ends |
 * | `timer` | `onIdle`, `retire`; cleared by `begin`, `exited` | while idle (its `idleTimeout`), or ending (its grace) |
 *
 * Invariant: when a worker has ended, each batch that was with it is over, and what it did not report is dispatched again
 * by the run. That may happen while `exited` runs, and start the next worker.
 */
import { hasProperty } from "effect/Predicate"
import { type BatchMessage, type FromFar, NotStarted, type Thrown } from "../wire/messages.ts"
import { type Platform, type PoolOptions, slots, type WorkerExit, type WorkerHandle } from "./platform.ts"
import type { BatchRequest, Keeper, Placement, WorkerCrash } from "./request.ts"

type WorkerState =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Starting" | "Up"; readonly handle: WorkerHandle }
  | { readonly _tag: "Ending"; readonly handle: WorkerHandle; readonly wasUp: boolean }
  | { readonly _tag: "Killed"; readonly handle: WorkerHandle; readonly culprit: BatchRequest }

/** A batch at a worker, and the payload it was at when the worker ended. */
interface Started {
  readonly request: BatchRequest
  readonly payload: number
}

const Absent: WorkerState = { _tag: "Absent" }

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
  private timer: NodeJS.Timeout | undefined
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
    return _tag !== "Ending" && _tag !== "Killed" && !this.exclusive && this.free.length > 0 &&
      this.tasks < this.options.maxTasksPerWorker
  }

  /**
   * Sends a batch, up to the number of payloads that the worker may still take. Starts the worker if it does not exist.
   * A batch of which nothing can be sent is over.
   */
  begin(request: BatchRequest): void {
    const count = request.prepare(this.options.maxTasksPerWorker - this.tasks)
    const wanted = count > 0 && request.state._tag === "Queued"
    const handle = wanted ? this.ensureSpawned(request) : undefined
    if (handle === undefined) return this.over(request)
    clearTimeout(this.timer)
    const id = ++this.ids
    const slot = this.free.pop()!
    request.state = { _tag: "Sent", keeper: this, id, slot, count }
    this.active.set(id, request)
    this.tasks += count
    this.exclusive = request.alone
    handle.clear(slot)
    handle.hold(true)
    this.send(request, request.state, handle)
  }

  /** Stops a batch; kills the worker if it does not stop within the grace. */
  cancel(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || this.state._tag === "Absent") return
    request.state = { ...state, _tag: "Stopping" }
    const { handle } = this.state
    handle.cut?.(state.slot)
    if (this.isReachable) handle.post({ _tag: "Cancel", id: state.id }, [])
    this.setWatchdog(request, this.options.grace, () => this.kill(request))
  }

  /** Recalls the unstarted payloads of a batch: cuts it where the platform can, or asks the worker. */
  recall(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || this.state._tag === "Absent" || !this.isReachable) return
    const { handle } = this.state
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
      const { ambient, job, limits, payloads, state, transfer } = request
      if (state._tag === "Over") return
      if (state._tag !== "Sent" || payloads.length === 0) return this.finish(request)
      const message: BatchMessage = {
        _tag: "Run",
        id,
        slot,
        module: job.module,
        task: job.name,
        payloads,
        timeout: limits.timeout,
        budget: limits.budget,
        shared,
        ambient
      }
      try {
        handle.post(message, transfer)
      } catch (error) {
        request.dropUncloneable(error)
        return queueMicrotask(post)
      }
      this.watch(request, slot, handle)
    }
    if (request.hasFailures) queueMicrotask(post)
    else post()
  }

  /** Handles a message of the worker. A task may post messages of its own, which are ignored. */
  private receive(message: FromFar): void {
    if (!hasProperty(message, "_tag")) return
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
    if (request === undefined) return
    switch (message._tag) {
      case "Exits":
        request.settle(message, this.number)
        if (message.over) this.finish(request)
        return
      case "Log":
        return request.log(message, this.number)
      case "Refused":
        request.refuse(message.refusal)
        return this.finish(request)
      case "Done":
        return this.finish(request)
    }
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
    this.timer = setTimeout(() => this.retire(), this.options.idleTimeout).unref()
  }

  /** Tells the worker to end; kills it after the grace. */
  private retire(): void {
    if (this.state._tag === "Absent" || !this.isReachable) return
    const { handle } = this.state
    clearTimeout(this.timer)
    this.state = { _tag: "Ending", handle, wasUp: this.state._tag === "Up" }
    handle.hold(true)
    handle.post({ _tag: "End" }, [])
    this.timer = setTimeout(() => handle.kill(), this.options.grace)
  }

  /** Kills the worker because of a batch. */
  private kill(culprit: BatchRequest): void {
    if (this.state._tag === "Absent" || this.state._tag === "Killed") return
    const { handle } = this.state
    this.state = { _tag: "Killed", handle, culprit }
    handle.kill()
  }

  /**
   * Watches a batch with a timeout: kills the worker if it is at one payload for longer than the timeout and the grace.
   */
  private watch(request: BatchRequest, slot: number, handle: WorkerHandle): void {
    const { timeout } = request.limits
    if (timeout === undefined) return
    const patience = timeout + this.options.grace
    const check = () => {
      const { position, since } = handle.position(slot)
      const waited = position < 0 || request.isSettled(position) ? 0 : Number(process.hrtime.bigint()) / 1e6 - since
      if (waited >= patience) return this.kill(request)
      this.setWatchdog(request, patience - waited + 1, check)
    }
    this.setWatchdog(request, patience, check)
  }

  /**
   * Calls `check` for a batch after `millis` milliseconds, unless it is over by then or has another timer. A late timer
   * fires before the messages that have arrived in the meantime, so `check` waits until these have been handled.
   */
  private setWatchdog(request: BatchRequest, millis: number, check: () => void): void {
    clearTimeout(request.watchdog)
    const watchdog = setTimeout(() =>
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
    try {
      const handle = this.platform.spawn(
        this.number,
        (message) => this.receive(message),
        (exit) => this.exited(exit)
      )
      this.state = { _tag: "Starting", handle }
      return handle
    } catch (error) {
      const exit = { exitCode: undefined, signal: undefined, stderr: String(error) }
      request.failAllCrashed({ exit, thrown: undefined }, this.number)
      return undefined
    }
  }

  /** Handles the end of the worker: finds the inputs that it ended at, and ends the batches that were here. */
  private exited(exit: WorkerExit): void {
    const { state } = this
    if (state._tag === "Absent") return
    const remaining = [...this.active.values()]
    const started = startedOf(remaining, state.handle)
    const crash = { exit, thrown: this.lastError }
    clearTimeout(this.timer)
    this.state = Absent
    this.exclusive = false
    this.tasks = 0
    this.lastError = undefined
    if (state._tag !== "Killed") this.accuse(remaining, started, state, crash)
    else if (state.culprit.state._tag !== "Stopping") this.convict(state.culprit, started, state.handle)
    for (const request of remaining) {
      this.release(request)
      request.end()
    }
    for (const done of this.endListeners.splice(0)) done()
    this.freed()
  }

  /**
   * Finds the input at which a worker ended that was not killed by its supervisor, and fails it. If several were under
   * way, each runs again alone. If none was, the first input of a batch fails when this happens to it for the second
   * time: the cause may lie before the batch. If the worker never was up, no other will be, so all payloads fail.
   */
  private accuse(
    remaining: ReadonlyArray<BatchRequest>,
    started: ReadonlyArray<Started>,
    state: Exclude<WorkerState, { readonly _tag: "Absent" | "Killed" }>,
    crash: WorkerCrash
  ): void {
    const wasUp = state._tag === "Up" || (state._tag === "Ending" && state.wasUp)
    const wanted = remaining.filter((request) => request.state._tag !== "Stopping")
    if (!wasUp) {
      for (const request of wanted) request.failAllCrashed(crash, this.number)
    } else if (remaining.every((request) => positionOf(request, state.handle) === NotStarted)) {
      for (const request of wanted) if (request.noteUnlucky()) request.failCrashed(0, crash, this.number)
    } else if (started.length === 1) {
      const { payload, request } = started[0]!
      if (request.state._tag !== "Stopping") request.failCrashed(payload, crash, this.number)
    } else {
      for (const { payload, request } of started) request.noteSuspect(payload)
    }
  }

  /**
   * Fails the input for which a worker was killed, unless its batch has ended meanwhile. If others were under way, any
   * of them may have blocked it, so each runs again alone.
   */
  private convict(culprit: BatchRequest, started: ReadonlyArray<Started>, handle: WorkerHandle): void {
    if (started.length > 1) {
      for (const { payload, request } of started) request.noteSuspect(payload)
    } else if (culprit.state._tag === "Sent") {
      culprit.failLate(positionOf(culprit, handle), this.number)
    }
  }
}

const positionOf = (request: BatchRequest, handle: WorkerHandle): number =>
  handle.position((request.state as Placement).slot).position

/** Returns the batches that are at a payload whose exit is not known. */
const startedOf = (remaining: ReadonlyArray<BatchRequest>, handle: WorkerHandle): ReadonlyArray<Started> =>
  remaining
    .map((request) => ({ request, payload: positionOf(request, handle) }))
    .filter(({ payload, request }) => payload !== NotStarted && !request.isSettled(payload))
