/**
 * The supervisor of one worker: it starts the worker when there is a batch for it, watches it, finds out at which input it
 * ended when it ends, and starts another for the next batch.
 *
 * | state | the worker | leads to |
 * | --- | --- | --- |
 * | `Absent` | is not there | `Starting`, by `begin` |
 * | `Starting` | was spawned, and has not said that it listens; batches are sent to it all the same | `Up`, by its `Ready` |
 * | `Up` | listens | `Ending`, by `retire` |
 * | `Ending` | was told to end, and is killed after its grace; nothing new is sent to it | `Absent`, by `exited` |
 * | `Killed` | is being killed, for `culprit`: a batch that is late, or does not stop | `Absent`, by `exited` |
 *
 * From any state but `Absent` a worker may end by itself (`exited`), or be killed (`kill`).
 *
 * | field | written by | holds |
 * | --- | --- | --- |
 * | `state` | the methods above | always |
 * | `active`, `free` | `begin`, `finish`, `exited` | the batches that are here, each in one slot; the other slots |
 * | `exclusive` | `begin`, `rest`, `exited` | while the one batch that is here has the worker for itself |
 * | `tasks` | `begin`, `finish`, `exited` | the payloads that this worker has had, against `maxTasksPerWorker` |
 * | `lastError` | `receive`, `exited` | what the worker has thrown outside a task, until it ends |
 * | `timer` | `rest`, `retire` | while it is idle (its `idleTimeout`), or ending (its grace) |
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

/** A batch at a worker, at the payload that it was at when the worker ended. */
interface Started {
  readonly request: BatchRequest
  readonly payload: number
}

const Absent: WorkerState = { _tag: "Absent" }

export class WorkerSupervisor implements Keeper {
  readonly number: number
  private readonly platform: Platform
  private readonly options: PoolOptions
  /** Called when there may be room again. */
  private readonly freed: () => void
  private state: WorkerState = Absent
  private readonly active = new Map<number, BatchRequest>()
  private readonly free = Array.from({ length: slots }, (_, slot) => slots - 1 - slot)
  private exclusive = false
  private ids = 0
  private tasks = 0
  private lastError: Thrown | undefined
  private timer: NodeJS.Timeout | undefined
  private readonly whenGone: Array<() => void> = []

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

  /** Whether a worker is there. */
  get isPresent(): boolean {
    return this.state._tag !== "Absent"
  }

  /** Whether another batch may come here. */
  get isOpen(): boolean {
    const { _tag } = this.state
    return _tag !== "Ending" && _tag !== "Killed" && !this.exclusive && this.free.length > 0 &&
      this.tasks < this.options.maxTasksPerWorker
  }

  /** Sends a batch; one larger than the worker may still take is cut. */
  begin(request: BatchRequest): void {
    const count = request.prepare(this.options.maxTasksPerWorker - this.tasks)
    const wanted = count > 0 && request.state._tag === "Queued"
    const handle = wanted ? this.spawned(request) : undefined
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
    if (!this.send(request, request.state, handle)) return this.finish(request)
    this.watch(request, slot, handle)
  }

  /** Stops a batch that is here; its worker is killed if it does not in its grace. */
  cancel(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || this.state._tag === "Absent") return
    request.state = { ...state, _tag: "Stopping" }
    const { handle } = this.state
    handle.cut?.(state.slot)
    if (this.isReachable) handle.post({ _tag: "Cancel", id: state.id }, [])
    this.lookAfter(request, this.options.grace, () => this.kill(request))
  }

  /** Asks for what of a batch has not started. */
  recall(request: BatchRequest): void {
    const { state } = request
    if (state._tag !== "Sent" || this.state._tag === "Absent" || !this.isReachable) return
    const { handle } = this.state
    const started = handle.cut?.(state.slot)
    if (started === undefined) handle.post({ _tag: "Recall", id: state.id }, [])
    else request.giveBack(started)
  }

  /** Ends the worker: at once when it is idle, after its grace by force. */
  end(): Promise<void> {
    clearTimeout(this.timer)
    if (this.state._tag === "Absent") return Promise.resolve()
    return new Promise((resolve) => {
      this.whenGone.push(resolve)
      this.retire()
    })
  }

  private get isReachable(): boolean {
    return this.state._tag === "Starting" || this.state._tag === "Up"
  }

  /** Sends what of the batch can be cloned; what cannot has failed. */
  private send(request: BatchRequest, { id, slot }: Placement, handle: WorkerHandle): boolean {
    const shared = request.introduce(handle)
    for (;;) {
      const { ambient, job, limits, payloads, transfer } = request
      if (payloads.length === 0) return false
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
        return true
      } catch (error) {
        request.dropUncloneable(error)
      }
    }
  }

  /** Takes a message of the worker; a task may send others, of its own. */
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

  private finish(request: BatchRequest): void {
    this.tasks -= this.release(request) - request.told
    if (this.active.size === 0) this.rest()
    this.over(request)
  }

  /** Frees the slot of a batch; gives how many payloads were counted for it. */
  private release(request: BatchRequest): number {
    const { count, id, slot } = request.state as Placement
    this.active.delete(id)
    this.free.push(slot)
    return count
  }

  private over(request: BatchRequest): void {
    request.end()
    this.freed()
  }

  /** Lets an idle worker no longer keep the program running, and ends it when it has had its tasks or its time. */
  private rest(): void {
    this.exclusive = false
    if (this.state._tag === "Absent" || !this.isReachable) return
    this.state.handle.hold(false)
    if (this.tasks >= this.options.maxTasksPerWorker) return this.retire()
    if (this.options.idleTimeout === Infinity) return
    this.timer = setTimeout(() => this.retire(), this.options.idleTimeout).unref()
  }

  private retire(): void {
    if (this.state._tag === "Absent" || !this.isReachable) return
    const { handle } = this.state
    this.state = { _tag: "Ending", handle, wasUp: this.state._tag === "Up" }
    handle.hold(true)
    handle.post({ _tag: "End" }, [])
    this.timer = setTimeout(() => handle.kill(), this.options.grace)
  }

  private kill(culprit: BatchRequest): void {
    if (this.state._tag === "Absent" || this.state._tag === "Killed") return
    const { handle } = this.state
    this.state = { _tag: "Killed", handle, culprit }
    handle.kill()
  }

  /** Kills a worker that is at one input for longer than its deadline and the grace for it. */
  private watch(request: BatchRequest, slot: number, handle: WorkerHandle): void {
    const { timeout } = request.limits
    if (timeout === undefined) return
    const patience = timeout + this.options.grace
    const look = () => {
      const { position, since } = handle.position(slot)
      const waited = position < 0 || request.isSettled(position) ? 0 : Number(process.hrtime.bigint()) / 1e6 - since
      if (waited >= patience) return this.kill(request)
      this.lookAfter(request, patience - waited + 1, look)
    }
    this.lookAfter(request, patience, look)
  }

  /**
   * Looks after a batch once `millis` have passed, unless it is over by then or has another timer. A timer that is late comes
   * before what the worker has said meanwhile, so the look waits for these messages.
   */
  private lookAfter(request: BatchRequest, millis: number, look: () => void): void {
    clearTimeout(request.watchdog)
    const watchdog = setTimeout(() =>
      setImmediate(() => {
        if (request.watchdog === watchdog && request.state._tag !== "Over") look()
      }), millis)
    request.watchdog = watchdog
  }

  /** Spawns a worker if there is none. A batch for which none can be had has failed. */
  private spawned(request: BatchRequest): WorkerHandle | undefined {
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

  /** Finds out which inputs the end of the worker is to be told to, and gives up the batches that were here. */
  private exited(exit: WorkerExit): void {
    const { state } = this
    if (state._tag === "Absent") return
    const left = [...this.active.values()]
    const started = startedOf(left, state.handle)
    const crash = { exit, thrown: this.lastError }
    clearTimeout(this.timer)
    this.state = Absent
    this.exclusive = false
    this.tasks = 0
    this.lastError = undefined
    if (state._tag !== "Killed") this.accuse(left, started, state, crash)
    else if (state.culprit.state._tag !== "Stopping") this.convict(state.culprit, started, state.handle)
    for (const request of left) {
      this.release(request)
      request.end()
    }
    for (const done of this.whenGone.splice(0)) done()
    this.freed()
  }

  /**
   * Fails the input at which a worker ended that nobody has ended. When several were under way, each is run again alone. When
   * none was, the first of a batch fails if it meets that for the second time: what ended the worker may have been there
   * before the batch. A worker that never was up will not be up for the others either, so all of them fail.
   */
  private accuse(
    left: ReadonlyArray<BatchRequest>,
    started: ReadonlyArray<Started>,
    state: Exclude<WorkerState, { readonly _tag: "Absent" | "Killed" }>,
    crash: WorkerCrash
  ): void {
    const wasUp = state._tag === "Up" || (state._tag === "Ending" && state.wasUp)
    const wanted = left.filter((request) => request.state._tag !== "Stopping")
    if (!wasUp) {
      for (const request of wanted) request.failAllCrashed(crash, this.number)
    } else if (left.every((request) => positionOf(request, state.handle) === NotStarted)) {
      for (const request of wanted) if (request.noteUnlucky()) request.failCrashed(0, crash, this.number)
    } else if (started.length === 1) {
      const { payload, request } = started[0]!
      if (request.state._tag !== "Stopping") request.failCrashed(payload, crash, this.number)
    } else {
      for (const { payload, request } of started) request.noteSuspect(payload)
    }
  }

  /** Fails the input for which a worker was killed. Where others were under way, any of them may have kept it waiting. */
  private convict(culprit: BatchRequest, started: ReadonlyArray<Started>, handle: WorkerHandle): void {
    if (started.length < 2) return culprit.failLate(positionOf(culprit, handle), this.number)
    for (const { payload, request } of started) request.noteSuspect(payload)
  }
}

const positionOf = (request: BatchRequest, handle: WorkerHandle): number =>
  handle.position((request.state as Placement).slot).position

/** The batches that are at an input whose end is not known. */
const startedOf = (left: ReadonlyArray<BatchRequest>, handle: WorkerHandle): ReadonlyArray<Started> =>
  left
    .map((request) => ({ request, payload: positionOf(request, handle) }))
    .filter(({ payload, request }) => payload !== NotStarted && !request.isSettled(payload))
