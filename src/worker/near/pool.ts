/**
 * A pool of workers, kept for a scope, and the queue of batches that wait for one.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Backend from "../../Backend.ts"
import { offsetTo } from "../../primitives/clock.ts"
import { LinkedQueue } from "../../primitives/linkedQueue.ts"
import * as Caller from "./caller.ts"
import type { Platform, PoolOptions } from "./platform.ts"
import { BatchRequest, type RunState, type Sender } from "./request.ts"
import { SharedMemory } from "./sharedMemory.ts"
import { WorkerSupervisor } from "./supervisor.ts"

export class Pool {
  private readonly platform: Platform
  private readonly supervisors: ReadonlyArray<WorkerSupervisor>
  private readonly queue = new LinkedQueue<BatchRequest>()
  private readonly maxBytes: number | undefined
  /** State of each run that has sent batches, by its scope. */
  private readonly runs = new WeakMap<Scope.Scope, RunState>()
  /** True while `serve` runs; what it starts may free room and call it again. */
  private serving = false
  private closed = false

  constructor(platform: Platform, options: PoolOptions) {
    this.platform = platform
    this.maxBytes = options.maxBytes
    this.supervisors = Array.from(
      { length: options.workers },
      (_, number) => new WorkerSupervisor(number, platform, options, () => this.serve())
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
          return resume(Effect.die(new Error(`the workers of ${this.platform.name} have ended with their layer`)))
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
   * Ends every worker; returns when they have ended. Queued batches are returned to their runs, and later ones are
   * defects.
   */
  readonly close: Effect.Effect<void> = Effect.promise(() => {
    this.closed = true
    for (let request = this.queue.shift(); request !== undefined; request = this.queue.shift()) request.end()
    return Promise.all(this.supervisors.map((supervisor) => supervisor.end()))
  })

  /**
   * Gives queued batches to workers that have room, first come, first served. A first batch that finds no worker holds
   * up the others.
   */
  private serve(): void {
    if (this.serving) return
    this.serving = true
    try {
      for (let request = this.queue.peek(); request !== undefined && !this.closed; request = this.queue.peek()) {
        const supervisor = this.supervisorFor(request)
        if (supervisor === undefined) break
        this.queue.shift()
        supervisor.begin(request)
      }
    } finally {
      this.serving = false
    }
  }

  /**
   * Returns the worker with the fewest batches that may take one more, preferably one that is running; undefined if
   * there is none. A batch that must be alone needs an idle worker.
   */
  private supervisorFor({ alone, concurrency }: BatchRequest): WorkerSupervisor | undefined {
    const share = alone ? 1 : Math.ceil(concurrency / this.supervisors.length)
    let best: WorkerSupervisor | undefined
    for (const supervisor of this.supervisors) {
      if (!supervisor.isOpen || supervisor.load >= share) continue
      if (
        best === undefined || supervisor.load < best.load ||
        (supervisor.load === best.load && supervisor.isPresent && !best.isPresent)
      ) {
        best = supervisor
      }
    }
    return best
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
        clockOffset: undefined
      }
      this.runs.set(scope, state)
    }
    return state
  }
}
