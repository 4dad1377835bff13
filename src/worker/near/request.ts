/**
 * A batch in flight: what is sent of it, and what the exits that come back mean.
 *
 * | state | the batch is | leads to |
 * | --- | --- | --- |
 * | `Queued` | in the pool's queue, which it can `leave` | `Sent`, when a worker has room; `Over`, when it is cancelled, the pool closes, or nothing of it can be sent |
 * | `Sent` | with the worker of `keeper`, in `slot`, under `id` | `Stopping`, by `cancel`; `Over`, when the worker has told of all of it, or has ended |
 * | `Stopping` | with a worker that has been told to stop it | `Over`, likewise |
 * | `Over` | with nobody; nothing more is said of it | |
 *
 * The pool moves it from `Queued`; its supervisor moves it on and is the only one to write `watchdog`. Payloads are told of
 * in order, so `told` says which of them are settled. What is not told of when the batch is over is dispatched again by the
 * run.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Backend from "../../Backend.ts"
import * as Codec from "../../task/codec.ts"
import { timeoutError } from "../../task/deadline.ts"
import * as Causes from "../wire/causes.ts"
import type { Ambient, Exits, Fault, Log, Refusal, Thrown, WireFailure } from "../wire/messages.ts"
import { type Clone, cloneError, decodeThrown } from "../wire/thrown.ts"
import type { WorkerExit } from "./platform.ts"
import type { SharedMemory } from "./sharedMemory.ts"

/** End of a worker that nobody has ended. */
export interface WorkerCrash {
  readonly exit: WorkerExit
  /** What it threw, where it threw something outside the task. */
  readonly thrown: Thrown | undefined
}

/** What the batches of one run share. */
export interface RunState {
  readonly sharedMemory: SharedMemory
  /** Indices of inputs that were under way when a worker ended at one of several; they run alone. */
  readonly suspects: Set<number | undefined>
  /** Indices of first inputs of batches that were not begun when their worker ended. */
  readonly unlucky: Set<number | undefined>
}

/** What a batch needs to know of who sends it. */
export interface Sender extends RunState {
  readonly backend: string
  readonly ambient: Ambient
  readonly log: (log: Log, annotations: Readonly<Record<string, unknown>>) => void
  /** Makes of a value what is sent of it; throws where that cannot be. */
  readonly clone: Clone
}

/** What keeps a batch that was sent: the supervisor of its worker. */
export interface Keeper {
  cancel(request: BatchRequest): void
  recall(request: BatchRequest): void
}

/** Where a worker has a batch. */
export interface Placement {
  readonly keeper: Keeper
  readonly id: number
  readonly slot: number
  /** Number of payloads that were counted as tasks of the worker. */
  readonly count: number
}

export type RequestState =
  | { readonly _tag: "Queued"; readonly leave: () => void }
  | { readonly _tag: "Sent" | "Stopping" } & Placement
  | { readonly _tag: "Over" }

type Reason = Backend.BackendError["reason"]

export class BatchRequest {
  readonly job: Backend.Job<unknown, unknown, unknown>
  readonly limits: { readonly timeout: number | undefined; readonly budget: number | undefined }
  /** Number of batches of its run that may be under way at once. */
  readonly concurrency: number
  /** Whether it must have its worker for itself. */
  readonly alone: boolean
  state: RequestState = { _tag: "Queued", leave: () => {} }
  /** Timer that looks whether the worker is late with it. */
  watchdog: NodeJS.Timeout | undefined
  payloads: ReadonlyArray<unknown> = []
  transfer: ReadonlyArray<unknown> = []
  /** Number of its payloads that are known to be over. */
  told = 0
  private readonly batch: Backend.Batch<unknown>
  private readonly onExit: Backend.OnExit<unknown, unknown>
  private readonly sender: Sender
  private readonly onOver: Array<() => void>
  /** Position of each payload in the batch, when some could not be sent; else they are the same. */
  private positions: ReadonlyArray<number> | undefined

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
    this.concurrency = batch.concurrency
    this.alone = this.isSuspect(0)
    this.limits = {
      timeout: batch.timeout && Duration.toMillis(batch.timeout),
      budget: batch.budget && Duration.toMillis(batch.budget)
    }
  }

  get ambient(): Ambient {
    return this.sender.ambient
  }

  /** Notes that a worker gets it; gives how many bytes of shared memory that worker sees for the first time, at most. */
  introduce(worker: object): number {
    return this.sender.sharedMemory.introduce(worker)
  }

  /** Calls `done` when the batch is over. */
  whenOver(done: () => void): void {
    this.onOver.push(done)
  }

  /** Stops the batch, wherever it is. */
  cancel(): void {
    const { state } = this
    if (state._tag === "Sent") return state.keeper.cancel(this)
    if (state._tag !== "Queued") return
    state.leave()
    this.end()
  }

  /** Asks for what has not started, if a worker has the batch. */
  recall(): void {
    if (this.state._tag === "Sent") this.state.keeper.recall(this)
  }

  /** Ends the batch: no worker has it any more. */
  end(): void {
    clearTimeout(this.watchdog)
    this.state = { _tag: "Over" }
    for (const done of this.onOver.splice(0)) done()
  }

  /**
   * Encodes the first inputs, as many as may be sent, and gives their number. An input that is refused has failed. One whose
   * buffers are moved goes by itself: if it were not begun, it could not be sent again.
   */
  prepare(atMost: number): number {
    const { inputs } = this.batch
    let count = this.alone ? 1 : Math.min(inputs.length, atMost)
    if (this.sender.suspects.size > 0) {
      for (let position = 1; position < count; position++) if (this.isSuspect(position)) count = position
    }
    this.payloads = count === inputs.length ? inputs : inputs.slice(0, count)
    if (this.job.payload !== undefined || !this.payloads.every(isPrimitive)) this.encodeAll()
    return this.payloads.length
  }

  /** Takes out what cannot be cloned; where nothing is to be found, the error is everybody's. */
  dropUncloneable(error: unknown): void {
    const { clone } = this.sender
    const errors = this.payloads.map((payload) => cloneError(payload, clone))
    const unexplained = errors.every((error) => error === undefined)
    const payloads: Array<unknown> = []
    const positions: Array<number> = []
    this.payloads.forEach((payload, k) => {
      const reason = unexplained ? error : errors[k]
      if (reason === undefined) {
        payloads.push(payload)
        positions.push(this.at(k))
      } else {
        this.fail(this.at(k), reasonOfFault(Causes.notCloneable("payload", payload, reason, clone)), undefined)
      }
    })
    this.keep(payloads, positions)
  }

  /** Settles payloads, as their worker tells. */
  settle({ failures, from, millis, values }: Exits, worker: number): void {
    const failed = failures.length === 0 ? undefined : new Map(failures)
    this.told = from + values.length
    for (let k = 0; k < values.length; k++) {
      const position = this.at(from + k)
      const failure = failed?.get(from + k)
      const exit = failure === undefined ? this.succeed(position, values[k]) : this.failure(position, failure)
      this.onExit(position, exit, worker, millis[k])
    }
  }

  /** Whether the exit of a payload is known. */
  isSettled(payload: number): boolean {
    return payload < this.told
  }

  /** Fails a payload as late: its worker had to be killed over it. */
  failLate(payload: number, worker: number): void {
    const { timeout } = this.batch
    if (timeout === undefined || this.isSettled(payload)) return
    this.onExit(this.at(payload), Exit.fail(timeoutError(timeout)), worker, Duration.toMillis(timeout))
  }

  /** Fails a payload as the one at which its worker ended. */
  failCrashed(payload: number, { exit, thrown }: WorkerCrash, worker: number): void {
    const error = thrown === undefined ? undefined : decodeThrown(thrown)
    const last = error instanceof Error ? error.stack ?? `${error.name}: ${error.message}` : ""
    const reason = new Backend.WorkerCrashed({
      ...(exit.exitCode !== undefined && { exitCode: exit.exitCode }),
      ...(exit.signal !== undefined && { signal: exit.signal }),
      stderr: [exit.stderr, last].filter((text) => text !== "").join("\n")
    })
    this.fail(this.at(payload), reason, worker)
  }

  /** Fails all payloads that are not settled: no worker can be had. */
  failAllCrashed(crash: WorkerCrash, worker: number): void {
    for (let payload = this.told; payload < this.payloads.length; payload++) this.failCrashed(payload, crash, worker)
  }

  /** Notes that the worker ended before it began this batch; true if that has happened to it before. */
  noteUnlucky(): boolean {
    const { unlucky } = this.sender
    const index = this.batch.index(this.at(0))
    if (unlucky.has(index)) return true
    unlucky.add(index)
    return false
  }

  /** Notes that the worker ended at this payload, or at another that was under way: it will run alone. */
  noteSuspect(payload: number): void {
    this.sender.suspects.add(this.batch.index(this.at(payload)))
  }

  /** Fails all payloads: the batch cannot run at all. */
  refuse(refusal: Refusal): void {
    const { module, name } = this.job
    this.payloads.forEach((_, k) => this.fail(this.at(k), reasonOfRefusal(module, name, refusal), undefined))
  }

  /** Gives back what was not started: everything from this payload on. */
  giveBack(payload: number): void {
    this.batch.recall?.giveBack(payload < this.payloads.length ? this.at(payload) : this.batch.inputs.length)
  }

  log(log: Log, worker: number): void {
    const index = this.batch.index(this.at(Math.max(0, log.position)))
    this.sender.log(log, { ...log.annotations, worker, ...(index !== undefined && { index }) })
  }

  private isSuspect(position: number): boolean {
    const { suspects } = this.sender
    return suspects.size > 0 && suspects.has(this.batch.index(position))
  }

  /** Position of a payload in the batch. */
  private at(payload: number): number {
    return this.positions === undefined ? payload : this.positions[payload]!
  }

  private encodeAll(): void {
    const payloads: Array<unknown> = []
    const positions: Array<number> = []
    for (const [position, input] of this.payloads.entries()) {
      const encoded = this.encode(input)
      const moved = Codec.takeTransfers()
      if (Result.isFailure(encoded)) {
        this.fail(position, reasonOfFault(encoded.failure), undefined)
        continue
      }
      if (moved.length > 0 && payloads.length > 0) break
      payloads.push(encoded.success)
      positions.push(position)
      if (moved.length === 0) continue
      this.transfer = [...new Set(moved)]
      break
    }
    this.keep(payloads, positions)
  }

  private keep(payloads: ReadonlyArray<unknown>, positions: ReadonlyArray<number>): void {
    this.payloads = payloads
    this.positions = positions.at(-1) === positions.length - 1 ? undefined : positions
  }

  /** Makes of an input what is sent of it. */
  private encode(input: unknown): Result.Result<unknown, Fault> {
    const { payload: schema } = this.job
    const { sharedMemory } = this.sender
    if (schema === undefined) return Result.succeed(sharedMemory.pack(input))
    const encoded = Codec.encode(schema, input)
    return Exit.isSuccess(encoded)
      ? Result.succeed(sharedMemory.pack(encoded.value))
      : Result.fail(Causes.refused("payload", input, encoded.cause))
  }

  private succeed(position: number, value: unknown): Exit.Exit<unknown, unknown> {
    const { success } = this.job
    if (success === undefined) return Exit.succeed(value)
    const decoded = Codec.decode(success, value)
    if (Exit.isSuccess(decoded)) return decoded
    return this.backendFailure(position, reasonOfFault(Causes.refused("success", value, decoded.cause)))
  }

  private failure(position: number, failure: WireFailure): Exit.Exit<never, unknown> {
    if (failure._tag === "Fault") return this.backendFailure(position, reasonOfFault(failure.fault))
    const cause = Causes.decode(failure.reasons, this.job.error)
    if (!Cause.isCause(cause)) return this.backendFailure(position, reasonOfFault(cause))
    const { timeout } = this.batch
    return Exit.failCause(
      failure._tag === "Cause" || timeout === undefined
        ? cause
        : cause.reasons.length === 0
        ? Cause.fail(timeoutError(timeout))
        : Cause.combine(Cause.fail(timeoutError(timeout)), cause)
    )
  }

  private fail(position: number, reason: Reason, worker: number | undefined): void {
    this.onExit(position, this.backendFailure(position, reason), worker, undefined)
  }

  private backendFailure(position: number, reason: Reason): Exit.Exit<never, Backend.BackendError> {
    const index = this.batch.index(position)
    return Exit.fail(
      new Backend.BackendError({
        backend: this.sender.backend,
        task: this.job.name,
        ...(index !== undefined && { index }),
        reason
      })
    )
  }
}

/** Whether a value is sent unchanged. */
const isPrimitive = (value: unknown): boolean => typeof value !== "object" || value === null

const reasonOfFault = (fault: Fault): Reason => {
  switch (fault._tag) {
    case "ValueRefused":
      return new Backend.ValueRefused(fault)
    case "NotCloneable":
      return new Backend.NotCloneable(fault)
    case "LayerFailed":
      return new Backend.LayerFailed({ cause: decodeThrown(fault.error) })
  }
}

const reasonOfRefusal = (module: string, task: string, refusal: Refusal): Reason => {
  switch (refusal._tag) {
    case "ModuleMissing":
      return new Backend.ModuleMissing({ module })
    case "ModuleFailed":
      return new Backend.ModuleFailed({ module, cause: decodeThrown(refusal.error) })
    case "TaskMissing":
      return new Backend.TaskMissing({ module, task, found: refusal.found })
    case "ProgramStarted":
      return new Backend.ProgramStarted({ module })
  }
}
