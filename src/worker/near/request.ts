/**
 * A batch on its way to a worker and back: what is sent of it, and what the exits that come back mean.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Backend from "../../Backend.ts"
import * as Codec from "../../task/codec.ts"
import { timeoutError } from "../../task/deadline.ts"
import * as Failures from "../wire/causes.ts"
import type { Ambient, Blame, Exits, Log, Refusal, WireFailure, WireValue } from "../wire/messages.ts"
import { type Clone, cloneError, fromWire } from "../wire/thrown.ts"
import type { Death } from "./platform.ts"
import type { Packing } from "./sharedMemory.ts"

/** How a worker ended that nobody has ended. */
export interface Crash {
  readonly death: Death
  /** What it threw, where it threw something outside the task. */
  readonly thrown: WireValue | undefined
}

/** What an errand needs of the run that it belongs to. */
export interface Caller {
  readonly backend: string
  readonly ambient: Ambient
  readonly packing: Packing
  readonly log: (log: Log, annotations: Readonly<Record<string, unknown>>) => void
  /** The indices of inputs that were under way when a worker died of one of several; they run alone. */
  readonly suspects: Set<number | undefined>
  /** The indices of first inputs of batches that were not begun when their worker died. */
  readonly unlucky: Set<number | undefined>
  /** Makes of a value what is sent of it; throws where that cannot be. */
  readonly clone: Clone
}

type Job = Backend.Job<unknown, unknown, unknown>
type Batch = Backend.Batch<unknown>
type OnExit = Backend.OnExit<unknown, unknown>

export class Errand {
  readonly job: Job
  readonly limits: { readonly timeout: number | undefined; readonly budget: number | undefined }
  /** How many batches of its run may be under way at once. */
  readonly concurrency: number
  /** Whether it must have its worker for itself. */
  readonly alone: boolean
  payloads: ReadonlyArray<unknown> = []
  transfer: ReadonlyArray<unknown> = []
  /** Stops the batch; set while a worker has it. */
  cancel: (() => void) | undefined
  /** Asks for what has not started; set while a worker has it. */
  recall: (() => void) | undefined
  /** Called when the batch is over after it was stopped. */
  stopped: (() => void) | undefined
  /** How many of its payloads are known to be over. */
  told = 0
  private readonly batch: Batch
  private readonly onExit: OnExit
  private readonly caller: Caller
  private readonly done: () => void
  /** Where each payload stands in the batch, when some could not be sent; else in the same place. */
  private positions: ReadonlyArray<number> | undefined

  constructor(job: Job, batch: Batch, onExit: OnExit, caller: Caller, done: () => void) {
    this.job = job
    this.batch = batch
    this.onExit = onExit
    this.caller = caller
    this.done = done
    this.concurrency = batch.concurrency
    this.alone = this.suspected(0)
    this.limits = {
      timeout: batch.timeout && Duration.toMillis(batch.timeout),
      budget: batch.budget && Duration.toMillis(batch.budget)
    }
  }

  get ambient(): Ambient {
    return this.caller.ambient
  }

  /** How many bytes of shared memory a worker gets with it for the first time, at most. */
  shared(worker: object): number {
    return this.caller.packing.newTo(worker)
  }

  /**
   * Encodes the first inputs, as many as may be sent; tells how many will be. An input that is refused has failed. One
   * whose buffers are moved goes by itself: if it were not begun, it could not be sent again.
   */
  prepare(atMost: number): number {
    const { inputs } = this.batch
    let count = this.alone ? 1 : Math.min(inputs.length, atMost)
    if (this.caller.suspects.size > 0) {
      for (let position = 1; position < count; position++) if (this.suspected(position)) count = position
    }
    this.payloads = count === inputs.length ? inputs : inputs.slice(0, count)
    if (this.job.payload !== undefined || !this.payloads.every(isPlain)) this.encodeAll()
    return this.payloads.length
  }

  /** Takes out what cannot be cloned. */
  sift(error: unknown): void {
    const { clone } = this.caller
    const errors = this.payloads.map((payload) => cloneError(payload, clone))
    const alien = errors.every((error) => error === undefined)
    const payloads: Array<unknown> = []
    const positions: Array<number> = []
    this.payloads.forEach((payload, k) => {
      const reason = alien ? error : errors[k]
      if (reason === undefined) {
        payloads.push(payload)
        positions.push(this.at(k))
      } else {
        this.fail(this.at(k), reasonOf(Failures.notCloneable("payload", payload, reason, clone)), undefined)
      }
    })
    this.send(payloads, positions)
  }

  /** Takes what a worker tells. */
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

  /** Whether it is known what became of a payload. */
  settled(payload: number): boolean {
    return payload < this.told
  }

  /** The worker had to be killed, since this payload did not end when it was late. */
  late(payload: number, worker: number): void {
    const { timeout } = this.batch
    if (timeout === undefined || this.settled(payload)) return
    this.onExit(this.at(payload), Exit.fail(timeoutError(timeout)), worker, Duration.toMillis(timeout))
  }

  /** The worker ended at this payload. */
  crash(payload: number, { death, thrown }: Crash, worker: number): void {
    const error = thrown === undefined ? undefined : fromWire(thrown)
    const last = error instanceof Error ? error.stack ?? `${error.name}: ${error.message}` : ""
    const reason = new Backend.WorkerCrashed({
      ...(death.exitCode !== undefined && { exitCode: death.exitCode }),
      ...(death.signal !== undefined && { signal: death.signal }),
      stderr: [death.stderr, last].filter((text) => text !== "").join("\n")
    })
    this.fail(this.at(payload), reason, worker)
  }

  /** No worker can be had. */
  crashAll(crash: Crash, worker: number): void {
    for (let payload = this.told; payload < this.payloads.length; payload++) this.crash(payload, crash, worker)
  }

  /** The worker ended before it began this; tells whether that has happened before. */
  unlucky(): boolean {
    const { unlucky } = this.caller
    const index = this.batch.index(this.at(0))
    if (unlucky.has(index)) return true
    unlucky.add(index)
    return false
  }

  /** The worker ended while it was at this payload, among others. */
  suspect(payload: number): void {
    this.caller.suspects.add(this.batch.index(this.at(payload)))
  }

  /** The batch cannot run at all. */
  refuse(refusal: Refusal): void {
    const { module, name } = this.job
    this.payloads.forEach((_, k) => this.fail(this.at(k), refusalOf(module, name, refusal), undefined))
  }

  /** From this payload on nothing was started. */
  giveBack(payload: number): void {
    this.batch.recall?.giveBack(payload < this.payloads.length ? this.at(payload) : this.batch.inputs.length)
  }

  log(log: Log, worker: number): void {
    const index = this.batch.index(this.at(Math.max(0, log.position)))
    this.caller.log(log, { ...log.annotations, worker, ...(index !== undefined && { index }) })
  }

  /** No worker has it any more. */
  end(): void {
    this.cancel = this.recall = undefined
    this.done()
    this.stopped?.()
  }

  private suspected(position: number): boolean {
    const { suspects } = this.caller
    return suspects.size > 0 && suspects.has(this.batch.index(position))
  }

  /** Where a payload stands in the batch. */
  private at(payload: number): number {
    return this.positions === undefined ? payload : this.positions[payload]!
  }

  private encodeAll(): void {
    const payloads: Array<unknown> = []
    const positions: Array<number> = []
    for (const [position, input] of this.payloads.entries()) {
      const payload = this.encode(input)
      const moved = Codec.takeTransfers()
      if (payload instanceof Failures.Blamed) {
        this.fail(position, reasonOf(payload.blame), undefined)
        continue
      }
      if (moved.length > 0 && payloads.length > 0) break
      payloads.push(payload)
      positions.push(position)
      if (moved.length === 0) continue
      this.transfer = [...new Set(moved)]
      break
    }
    this.send(payloads, positions)
  }

  private send(payloads: ReadonlyArray<unknown>, positions: ReadonlyArray<number>): void {
    this.payloads = payloads
    this.positions = positions.at(-1) === positions.length - 1 ? undefined : positions
  }

  /** An input as it is sent. */
  private encode(input: unknown): unknown {
    const { payload: schema } = this.job
    if (schema === undefined) return this.caller.packing.pack(input)
    const encoded = Codec.encode(schema, input)
    return Exit.isSuccess(encoded)
      ? this.caller.packing.pack(encoded.value)
      : Failures.refusedBy("payload", input, encoded.cause)
  }

  private succeed(position: number, value: unknown): Exit.Exit<unknown, unknown> {
    const { success } = this.job
    if (success === undefined) return Exit.succeed(value)
    const decoded = Codec.decode(success, value)
    if (Exit.isSuccess(decoded)) return decoded
    return this.blamed(position, reasonOf(Failures.refusedBy("success", value, decoded.cause).blame))
  }

  private failure(position: number, failure: WireFailure): Exit.Exit<never, unknown> {
    if (failure._tag === "Blame") return this.blamed(position, reasonOf(failure.blame))
    const cause = Failures.decode(failure.reasons, this.job.error)
    if (!Cause.isCause(cause)) return this.blamed(position, reasonOf(cause))
    const { timeout } = this.batch
    return Exit.failCause(
      failure._tag === "Cause" || timeout === undefined
        ? cause
        : cause.reasons.length === 0
        ? Cause.fail(timeoutError(timeout))
        : Cause.combine(Cause.fail(timeoutError(timeout)), cause)
    )
  }

  private fail(position: number, reason: Backend.BackendError["reason"], worker: number | undefined): void {
    this.onExit(position, this.blamed(position, reason), worker, undefined)
  }

  private blamed(position: number, reason: Backend.BackendError["reason"]): Exit.Exit<never, Backend.BackendError> {
    const index = this.batch.index(position)
    return Exit.fail(
      new Backend.BackendError({
        backend: this.caller.backend,
        task: this.job.name,
        ...(index !== undefined && { index }),
        reason
      })
    )
  }
}

/** Whether a value is sent as it is. */
const isPlain = (value: unknown): boolean => typeof value !== "object" || value === null

const reasonOf = (blame: Blame): Backend.BackendError["reason"] => {
  switch (blame._tag) {
    case "ValueRefused":
      return new Backend.ValueRefused(blame)
    case "NotCloneable":
      return new Backend.NotCloneable(blame)
    case "LayerFailed":
      return new Backend.LayerFailed({ cause: fromWire(blame.error) })
  }
}

const refusalOf = (module: string, task: string, refusal: Refusal): Backend.BackendError["reason"] => {
  switch (refusal._tag) {
    case "ModuleMissing":
      return new Backend.ModuleMissing({ module })
    case "ModuleFailed":
      return new Backend.ModuleFailed({ module, cause: fromWire(refusal.error) })
    case "TaskMissing":
      return new Backend.TaskMissing({ module, task, found: refusal.found })
    case "ProgramStarted":
      return new Backend.ProgramStarted({ module })
  }
}
