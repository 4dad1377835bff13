/**
 * A pool of workers, kept for a scope, and the queue of batches that wait for a worker.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Backend from "../../Backend.ts"
import { offsetTo } from "../../primitives/clock.ts"
import { LinkedQueue } from "../../primitives/linkedQueue.ts"
import * as Attempt from "../../task/attempt.ts"
import { machineNow } from "../wire/machineClock.ts"
import * as Caller from "./caller.ts"
import type { Platform, PoolOptions } from "./platform.ts"
import { BatchRequest, type RunState, type Sender } from "./request.ts"
import { SharedMemory } from "./sharedMemory.ts"
import { WorkerSupervisor } from "./supervisor.ts"

/**
 * Number of batches that a worker may have that runs them one after another: one in progress, the others sent ahead.
 */
const mostAhead = 4

/** Milliseconds for which a worker must have been busy before a batch that waits there is taken back. */
const leastBusyMillis = 0.5

export class Pool {
  private readonly platform: Platform
  private readonly supervisors: ReadonlyArray<WorkerSupervisor>
  private readonly queue = new LinkedQueue<BatchRequest>()
  private readonly maxBytes: number | undefined
  /** State of each run that has sent batches, by its scope. */
  private readonly runs = new WeakMap<Scope.Scope, RunState>()
  /** True while `serve` runs. Starting a batch may free room and call `serve` again. */
  private serving = false
  /** True if `serve` was called since it last began with the queue. */
  private serveAgain = false
  /** True while a timer waits to call `level`. */
  private levelling = false
  private closed = false

  constructor(platform: Platform, options: PoolOptions) {
    this.platform = platform
    this.maxBytes = options.maxBytes
    this.supervisors = Array.from(
      { length: options.workers },
      (_, number) =>
        new WorkerSupervisor(number, platform, options, {
          freed: () => this.serve(),
          returned: (requests) => this.takeReturned(requests)
        })
    )
  }

  /** Greatest number of workers. */
  get size(): number {
    return this.supervisors.length
  }

  readonly execute: Backend.Backend["execute"] = (job, batch, onExit) =>
    Effect.contextWith((context: Context.Context<Scope.Scope>) =>
      Effect.callback<void>((resume) => {
        if (this.closed) {
          return resume(Effect.die(new Error(`the ${this.platform.name} backend was closed with its layer`)))
        }
        const request = new BatchRequest(
          job as Backend.Job<any, unknown, unknown>,
          batch,
          onExit as Backend.OnExit<unknown, unknown>,
          this.sender(context),
          () => resume(Effect.void)
        )
        batch.recall?.signal.addEventListener("abort", () => request.recall(), { once: true })
        const entry = this.queue.push(request)
        request.state = { _tag: "Queued", leave: () => this.queue.remove(entry) }
        this.serve()
        return Effect.callback<void>((stopped) => {
          if (request.state._tag === "Over") return stopped(Effect.void)
          request.whenOver(() => stopped(Effect.void))
          request.cancel()
        })
      })
    )

  /**
   * Ends every worker and waits until they have ended. Returns queued batches to their runs. Later batches are defects.
   */
  readonly close: Effect.Effect<void> = Effect.promise(() => {
    this.closed = true
    for (let request = this.queue.shift(); request !== undefined; request = this.queue.shift()) request.end()
    return Promise.all(this.supervisors.map((supervisor) => supervisor.end()))
  })

  /**
   * Gives queued batches to workers that have room, first come, first served. A batch begins immediately or is sent
   * ahead. If the first batch finds no worker, the others wait too, unless the first waits for another batch of its own
   * run.
   */
  private serve(): void {
    this.serveAgain = true
    if (this.serving) return
    this.serving = true
    try {
      while (this.serveAgain && !this.closed) {
        this.serveAgain = false
        this.serveQueue()
      }
    } finally {
      this.serving = false
    }
    this.level()
  }

  private serveQueue(): void {
    for (const request of this.queue.values()) {
      if (request.state._tag !== "Queued") continue
      const mayBegin = request.run.underWay < request.concurrency
      if (!(mayBegin && this.begin(request)) && !this.sendAhead(request, mayBegin) && mayBegin) return
    }
  }

  /** Gives a batch to a worker where it begins immediately. Returns false if there is none. */
  private begin(request: BatchRequest): boolean {
    return this.supervisorFor(request)?.begin(request, false) === true
  }

  /**
   * Gives a batch to a busy worker, where it begins after the batches that are there. Returns false if that is
   * impossible. A worker from which a batch cannot be taken back gets no batches of several runs.
   */
  private sendAhead(request: BatchRequest, mayBegin: boolean): boolean {
    if (request.alone || request.concurrency > this.supervisors.length) return false
    let best: WorkerSupervisor | undefined
    for (const supervisor of this.supervisors) {
      if (
        !supervisor.isOpen || supervisor.assigned.size === 0 ||
        supervisor.assigned.size >= (best?.assigned.size ?? mostAhead)
      ) continue
      if (supervisor.assigned.holds(request.run) || (mayBegin && this.platform.canWithdraw)) best = supervisor
    }
    return best?.begin(request, true) === true
  }

  /**
   * Returns the worker with the fewest batches that may take one more, preferably one that is running. Returns
   * `undefined` if there is none. A batch that must be alone needs an idle worker. No batch goes to a worker where
   * another waits.
   */
  private supervisorFor({ alone, concurrency }: BatchRequest): WorkerSupervisor | undefined {
    const share = alone ? 1 : Math.ceil(concurrency / this.supervisors.length)
    let best: WorkerSupervisor | undefined
    for (const supervisor of this.supervisors) {
      if (!supervisor.isOpen || supervisor.assigned.size >= share || supervisor.assigned.waiting > 0) continue
      if (
        best === undefined || supervisor.assigned.size < best.assigned.size ||
        (supervisor.assigned.size === best.assigned.size && supervisor.isPresent && !best.isPresent)
      ) {
        best = supervisor
      }
    }
    return best
  }

  /**
   * Gives batches that wait at busy workers to idle workers. A worker that has been busy only for a short time may
   * finish soon, so it is checked again later.
   */
  private level(): void {
    const keepers = this.supervisors.filter(({ assigned }) => assigned.waiting > 0)
    if (keepers.length === 0 || !this.supervisors.some(({ assigned, isOpen }) => isOpen && assigned.size === 0)) return
    const now = machineNow()
    const busy = keepers.filter(({ assigned }) => now - assigned.busySince >= leastBusyMillis)
    for (const keeper of busy) {
      const requests = keeper.takeBack()
      if (requests.length === 0) continue
      this.takeReturned(requests)
      return this.serve()
    }
    if (busy.length === keepers.length || this.levelling) return
    this.levelling = true
    setTimeout(() => {
      this.levelling = false
      this.level()
    }, 1).unref()
  }

  /**
   * Puts batches that their worker has not begun at the head of the queue, in order. If the pool is closed, ends them.
   */
  private takeReturned(requests: ReadonlyArray<BatchRequest>): void {
    if (this.closed) return requests.forEach((request) => request.end())
    for (const request of requests.toReversed()) {
      const entry = this.queue.unshift(request)
      request.requeue(() => this.queue.remove(entry))
    }
  }

  /** Makes the sender of a batch from the context of its run. */
  private sender(context: Context.Context<Scope.Scope>): Sender {
    const run = Effect.runForkWith(context)
    const clock = Context.get(context, Clock.Clock)
    const state = this.stateOf(Context.get(context, Scope.Scope))
    return {
      state,
      backend: this.platform.name,
      ambient: Caller.ambientOf(context, this.platform.crossing),
      around: Attempt.around(context),
      crossing: this.platform.crossing,
      clockOffset: () => state.clockOffset ??= offsetTo(clock),
      log: (log, values, annotations) => void run(Caller.logged(log, values, annotations))
    }
  }

  /** Returns the state of a run. */
  private stateOf(scope: Scope.Scope): RunState {
    let state = this.runs.get(scope)
    if (state === undefined) {
      state = {
        sharedMemory: new SharedMemory(this.maxBytes),
        suspects: new Set(),
        unlucky: new Set(),
        vain: 0,
        underWay: 0,
        clockOffset: undefined
      }
      this.runs.set(scope, state)
    }
    return state
  }
}
