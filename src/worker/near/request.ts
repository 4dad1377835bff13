/**
 * A batch in flight: the messages that are sent for it, and the exits that come back.
 *
 * | state | the batch is | leads to |
 * | --- | --- | --- |
 * | `Queued` | in the queue of the pool, which it can `leave` | `Sent`, when a worker has room; `Over` |
 * | `Sent` | with the worker of `keeper`, in `slot`, under `id`; it may wait there for others (`ahead`) | `Stopping`, by `cancel`; `Queued`, by `requeue`, if it has not begun; `Over` |
 * | `Stopping` | with a worker that was told to stop it | `Over` |
 * | `Over` | with no worker; nothing more is reported for it | |
 *
 * A queued batch is over when it is canceled, when the pool closes, when no worker can be started, or when none of its
 * inputs can be sent. A sent batch is over when none of its payloads could be cloned, or when its worker has refused
 * it, has reported that it is done, or has ended.
 *
 * A batch removes itself from the queue when a worker gets it (`Assigned.add`) or when it is over. Only the pool calls
 * `requeue`. The supervisor and its `Assigned` make all other transitions, and write `assignedAt`, `ahead`, `isPosted`
 * and `isBehindOwn`. Only `watchdog.ts` sets `watchdog`.
 *
 * Invariant: payloads are reported in order, so exactly those below `told` are settled by reports. When the batch is
 * over, the run dispatches payloads without an exit again.
 */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Backend from "../../Backend.ts"
import type { LongTimeout } from "../../primitives/longTimeout.ts"
import type { CurrentAttempt } from "../../task/attempt.ts"
import { timeoutError } from "../../task/deadline.ts"
import { attemptsOf } from "../wire/attempts.ts"
import { type Arrived, arrived, type Crossing } from "../wire/crossing.ts"
import { ExitReader } from "../wire/exits.ts"
import { machineNow } from "../wire/machineClock.ts"
import {
  type Ambient,
  type BatchMessage,
  type Exits,
  type Fault,
  type Log,
  NotStarted,
  type Thrown
} from "../wire/messages.ts"
import { packed } from "../wire/numbers.ts"
import { type Reason, reasonOf } from "../wire/reasons.ts"
import { decodeThrown } from "../wire/thrown.ts"
import * as Times from "../wire/times.ts"
import { Payloads } from "./payloads.ts"
import type { WorkerExit } from "./platform.ts"
import type { SharedMemory } from "./sharedMemory.ts"
import { shownError } from "./stderrTail.ts"

/** The end of a worker that was not ended by its supervisor. */
export interface WorkerCrash {
  readonly exit: WorkerExit
  /** The value that was thrown outside a task, if any. */
  readonly thrown: Thrown | undefined
}

/** The state that the batches of one run share. */
export interface RunState {
  readonly sharedMemory: SharedMemory
  /** Indices of inputs that were in progress together when their worker ended. Each runs alone from then on. */
  readonly suspects: Set<number | undefined>
  /** Indices of the first inputs of batches that had not begun when their worker ended. */
  readonly unlucky: Set<number | undefined>
  /** Number of workers that ended with no input in progress since the last time a worker began or finished an input. */
  vain: number
  /** Number of batches that may be in progress: those at workers, except those behind another batch of the run. */
  underWay: number
  /**
   * Milliseconds to add to a time of the machine's clock to get a time of the program's clock. It is measured once,
   * because the readings of a clock may be coarse, and is `undefined` until then.
   */
  clockOffset: number | undefined
}

/** The part of a run that its batches use. */
export interface Sender {
  readonly state: RunState
  readonly backend: string
  readonly ambient: Ambient
  /** The attempt that a task which is called directly, not by a run, is part of, if any. */
  readonly around: CurrentAttempt | undefined
  readonly log: (
    log: Log,
    values: ReadonlyArray<Arrived>,
    annotations: Readonly<Record<string, unknown>>
  ) => void
  readonly crossing: Crossing
  /** Returns the `clockOffset` of the run. */
  readonly clockOffset: () => number
}

/** The owner of a batch that was sent: the supervisor of its worker. */
export interface Keeper {
  cancel(request: BatchRequest): void
  recall(request: BatchRequest): void
}

/** The place of a batch at a worker. */
export interface Placement {
  readonly keeper: Keeper
  readonly id: number
  readonly slot: number
  /** Number of payloads that were counted as tasks of the worker. */
  readonly count: number
}

/**
 * The status of a batch that was sent ahead: `Waiting` at its worker, or `Leaving` if the worker was asked to return
 * it.
 */
export type Ahead = "Waiting" | "Leaving" | undefined

export type RequestState =
  | { readonly _tag: "Queued"; readonly leave: () => void }
  | { readonly _tag: "Sent" | "Stopping" } & Placement
  | { readonly _tag: "Over" }

export class BatchRequest {
  readonly job: Backend.Job<unknown, unknown, unknown>
  readonly limits: { readonly timeout: number | undefined; readonly budget: number | undefined }
  /** Number of batches of its run that may be in progress at a time. */
  readonly concurrency: number
  /** True if no other batch may be at its worker. */
  readonly alone: boolean
  state: RequestState = { _tag: "Queued", leave: () => {} }
  /** Timer after which the worker is checked for being late. */
  watchdog: LongTimeout | undefined
  /**
   * Times at which the run called for the batch and at which a worker got it, in milliseconds of the machine's clock.
   */
  readonly calledAt = machineNow()
  assignedAt = this.calledAt
  readonly payloads: Payloads
  /** Number of payloads whose exits the worker has reported. */
  told = 0
  /** Its status if it was sent ahead and is not known to have begun. */
  ahead: Ahead = undefined
  /** True once it was posted to its worker. */
  isPosted = false
  /** True if another batch of its run was at its worker when it was sent there. */
  isBehindOwn = false
  /** True once its payloads are encoded and have not been sent. */
  private isPrepared = false
  /** The last payload that was reported as begun. */
  private lastBegun = NotStarted
  /** True once an input has failed here instead of in a worker. */
  hasFailures = false
  private readonly batch: Backend.Batch<unknown>
  private readonly onExit: Backend.OnExit<unknown, unknown>
  private readonly sender: Sender
  private readonly onOver: Array<() => void>
  private readonly exits: ExitReader

  constructor(
    job: Backend.Job<unknown, unknown, unknown>,
    batch: Backend.Batch<unknown>,
    onExit: Backend.OnExit<unknown, unknown>,
    sender: Sender,
    onOver: () => void
  ) {
    this.job = job
    this.batch = batch
    this.onExit = onExit
    this.sender = sender
    this.onOver = [onOver]
    this.exits = new ExitReader(job, batch, sender.backend, sender.crossing)
    this.payloads = new Payloads(
      job,
      sender.crossing,
      sender.state.sharedMemory,
      (position, fault) => this.fail(position, reasonOf(fault), undefined)
    )
    this.concurrency = batch.concurrency
    this.alone = this.isSuspect(0)
    this.limits = {
      timeout: batch.timeout && Duration.toMillis(batch.timeout),
      budget: batch.budget && Duration.toMillis(batch.budget)
    }
  }

  /**
   * Registers a worker that gets the batch. Returns the number of bytes of shared memory that are new to it, at most.
   */
  introduce(worker: object): number {
    return this.sender.state.sharedMemory.introduce(worker)
  }

  /** Calls `done` when the batch is over. */
  whenOver(done: () => void): void {
    this.onOver.push(done)
  }

  /** Stops the batch: removes it from the queue, or tells its worker. */
  cancel(): void {
    const { state } = this
    if (state._tag === "Sent") return state.keeper.cancel(this)
    if (state._tag === "Queued") this.end()
  }

  /** True once the run has asked for the unstarted inputs. */
  get isRecalled(): boolean {
    return this.batch.recall?.signal.aborted === true
  }

  /** Asks for the unstarted inputs, if a worker has the batch. */
  recall(): void {
    if (this.state._tag === "Sent") this.state.keeper.recall(this)
  }

  /** Leaves the queue of the pool if it is there, because a worker gets it or it is over. */
  leaveQueue(): void {
    if (this.state._tag === "Queued") this.state.leave()
  }

  /** Ends the batch, which no worker has any more. May be called twice. */
  end(): void {
    this.leaveQueue()
    this.watchdog?.clear()
    this.payloads.outOfBand.close()
    this.state = { _tag: "Over" }
    for (const done of this.onOver.splice(0)) done()
  }

  /**
   * Encodes the first inputs, as many as may be sent, and returns the number of payloads. An input that is refused
   * fails. An input with buffers to be moved is sent alone: once moved, it could not be sent again if it came back
   * unstarted. A suspect is sent alone too.
   */
  prepare(atMost: number): number {
    if (this.isPrepared && this.count <= atMost) return this.count
    this.isPrepared = true
    const { inputs } = this.batch
    let count = this.alone ? 1 : Math.min(inputs.length, atMost)
    if (this.sender.state.suspects.size > 0) {
      for (let position = 1; position < count; position++) if (this.isSuspect(position)) count = position
    }
    this.payloads.encode(count === inputs.length ? inputs : inputs.slice(0, count))
    return this.count
  }

  /** Returns to the queue, so that another worker can get it. Its worker has not begun it. */
  requeue(leave: () => void): void {
    this.watchdog?.clear()
    this.watchdog = undefined
    this.isPrepared = this.payloads.places.length === 0
    this.ahead = undefined
    this.isPosted = false
    this.state = { _tag: "Queued", leave }
  }

  /** Number of payloads. */
  get count(): number {
    return this.payloads.values.length
  }

  /** Makes the message to a worker, to which `shared` bytes of shared memory are new. */
  messageTo({ id, slot }: Placement, shared: number): BatchMessage {
    const { ahead, job, limits: { budget, timeout }, payloads: { outOfBand, places, positions, values } } = this
    return {
      _tag: "Run",
      id,
      slot,
      module: job.module,
      task: job.name,
      ahead: ahead !== undefined,
      timed: this.timed,
      payloads: packed(values),
      places,
      outOfBand: outOfBand.sealed,
      timeout,
      budget,
      shared,
      ambient: this.sender.ambient,
      attempts: attemptsOf(this.batch, values.length, positions, this.sender.around)
    }
  }

  /** Settles payloads as reported by their worker. */
  settle(exits: Exits, worker: number): void {
    const { from, times, values } = exits
    const offset = this.sender.clockOffset()
    this.batch.delivered?.(Times.deliveryOf(times, this))
    const exitAt = this.exits.read(exits)
    this.sender.state.vain = 0
    this.told = from + values.length
    const step = Times.stepOf(times, values.length)
    const start = Times.startOf(times, 0) + offset
    for (let k = 0; k < values.length; k++) {
      const position = this.positionOf(from + k)
      const exit = exitAt(k, position)
      if (step !== undefined) this.onExit(position, exit, worker, start + k * step, start + (k + 1) * step)
      else this.onExit(position, exit, worker, Times.startOf(times, k) + offset, Times.endOf(times, k) + offset)
    }
  }

  /**
   * True if the times of each input are needed, because the run reports them or has a deadline. With a deadline, the
   * watchdog needs the start of the input in progress.
   */
  private get timed(): boolean {
    return this.batch.delivered !== undefined || this.batch.began !== undefined || this.limits.timeout !== undefined
  }

  /** True if the run wants to know which payload has begun. */
  get isFollowed(): boolean {
    return this.batch.began !== undefined
  }

  /** Reports that a payload began at `since`, unless its exit was already reported. */
  tellBegun(payload: number, worker: number, since: number): void {
    if (payload >= this.count || this.isSettled(payload) || payload === this.lastBegun) return
    this.lastBegun = payload
    this.batch.began?.(this.positionOf(payload), worker, since + this.sender.clockOffset())
  }

  /** True if exits are the ones that can come next. */
  expects({ from, values }: Exits): boolean {
    return from === this.told && from + values.length <= this.count
  }

  /** True if the worker has reported the exit of a payload. */
  isSettled(payload: number): boolean {
    return payload < this.told
  }

  /** Fails a payload with a timeout, because its worker had to be killed. It began at `since`. */
  failLate(payload: number, worker: number, since: number): void {
    const { timeout } = this.batch
    if (timeout === undefined || this.isSettled(payload)) return
    this.endNow(this.positionOf(payload), Exit.fail(timeoutError(timeout)), worker, since)
  }

  /** Reports that a payload that began at `since` is interrupted. */
  tellInterrupted(payload: number, worker: number, since: number): void {
    if (payload >= this.count || this.isSettled(payload)) return
    this.batch.interrupted?.(this.positionOf(payload), worker, since + this.sender.clockOffset())
  }

  /** Fails a payload because its worker ended there. `since` is when it began, if it did. */
  failCrashed(payload: number, { exit, thrown }: WorkerCrash, worker: number, since?: number): void {
    const last = thrown === undefined ? "" : shownError(decodeThrown(thrown))
    const reason = new Backend.WorkerCrashed({
      ...(exit.exitCode !== undefined && { exitCode: exit.exitCode }),
      ...(exit.signal !== undefined && { signal: exit.signal }),
      stderr: [exit.stderr, last].filter((text) => text !== "").join("\n")
    })
    this.fail(this.positionOf(payload), reason, worker, since)
  }

  /** Fails all payloads that are not settled, because no worker can be started. */
  failAllCrashed(crash: WorkerCrash, worker: number): void {
    for (let payload = this.told; payload < this.count; payload++) this.failCrashed(payload, crash, worker)
  }

  /** The state of the run, which its batches share. */
  get run(): RunState {
    return this.sender.state
  }

  /**
   * Records that the worker ended before it began this batch. Returns true if its first input had that happen before.
   */
  noteUnlucky(): boolean {
    const { unlucky } = this.sender.state
    const index = this.batch.index(this.positionOf(0))
    if (unlucky.has(index)) return true
    unlucky.add(index)
    return false
  }

  /**
   * Records that the worker ended at this payload, which began at `since`, or at another in progress. This start is
   * lost, and the payload will run alone.
   */
  noteSuspect(payload: number, worker: number, since: number): void {
    const position = this.positionOf(payload)
    this.sender.state.suspects.add(this.batch.index(position))
    this.batch.lost?.(position, worker, since + this.sender.clockOffset())
  }

  /** Fails all payloads because the batch cannot run. */
  refuse(fault: Fault): void {
    const reason = reasonOf(fault)
    for (let payload = 0; payload < this.count; payload++) this.fail(this.positionOf(payload), reason, undefined)
  }

  /** Returns the inputs from this payload on to the run. They were not started. */
  giveBack(payload: number): void {
    this.batch.recall?.giveBack(payload < this.count ? this.positionOf(payload) : this.batch.inputs.length)
  }

  log(log: Log, worker: number): void {
    const index = this.batch.index(this.positionOf(Math.max(0, log.position)))
    const values = arrived(this.sender.crossing, log.outOfBand)
    this.sender.log(log, values, { ...log.annotations, worker, ...(index !== undefined && { index }) })
  }

  private isSuspect(position: number): boolean {
    const { suspects } = this.sender.state
    return suspects.size > 0 && suspects.has(this.batch.index(position))
  }

  private positionOf(payload: number): number {
    return this.payloads.positionOf(payload)
  }

  private fail(position: number, reason: Reason, worker: number | undefined, since?: number): void {
    this.hasFailures = true
    this.endNow(position, this.exits.backendFailure(position, reason), worker, since)
  }

  /** Reports an exit that does not come from a worker. A payload that had not begun has waited until now. */
  private endNow(
    position: number,
    exit: Exit.Exit<never, unknown>,
    worker: number | undefined,
    since = machineNow()
  ): void {
    const offset = this.sender.clockOffset()
    this.onExit(position, exit, worker, since + offset, machineNow() + offset)
  }
}
