/**
 * Workers that are kept for a scope, and the batches that wait for one.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type * as Backend from "../../Backend.ts"
import { LinkedQueue } from "../../primitives/linkedQueue.ts"
import * as Plan from "../../run/plan.ts"
import * as Failures from "../wire/causes.ts"
import type { Ambient, Log } from "../wire/messages.ts"
import { type Clone, fromWire, isCloneable } from "../wire/thrown.ts"
import type { Keeping, Kind } from "./platform.ts"
import { type Caller, Errand } from "./request.ts"
import { Packing } from "./sharedMemory.ts"
import { Seat } from "./supervisor.ts"

/** What a pool is made of. */
export interface Options {
  readonly workers: number
  readonly keeping: Keeping
  /** From how many bytes on a typed array crosses as shared memory; none without. */
  readonly maxBytes: number | undefined
}

export class Pool {
  private readonly kind: Kind
  private readonly seats: ReadonlyArray<Seat>
  private readonly waiting = new LinkedQueue<Errand>()
  private readonly maxBytes: number | undefined
  /** What is kept for a run, whose scope this is. */
  private readonly runs = new WeakMap<Scope.Scope, Kept>()
  private serving = false
  private closed = false

  constructor(kind: Kind, { keeping, maxBytes, workers }: Options) {
    this.kind = kind
    this.maxBytes = maxBytes
    this.seats = Array.from({ length: workers }, (_, number) => new Seat(number, kind, keeping, () => this.serve()))
  }

  /** How many workers there are at most. */
  get size(): number {
    return this.seats.length
  }

  readonly execute: Backend.Backend["execute"] = (job, batch, onExit) =>
    Effect.contextWith((context: Context.Context<Scope.Scope>) =>
      Effect.callback<void>((resume) => {
        if (this.closed) {
          return resume(Effect.die(new Error(`the workers of ${this.kind.name} have ended with their layer`)))
        }
        const errand = new Errand(
          job as Backend.Job<any, unknown, unknown>,
          batch,
          onExit as Backend.OnExit<unknown, unknown>,
          this.caller(context),
          () => resume(Effect.void)
        )
        const signal = batch.recall?.signal
        const recall = () => errand.recall?.()
        signal?.addEventListener("abort", recall, { once: true })
        const place = this.waiting.push(errand)
        this.serve()
        return Effect.callback<void>((stopped) => {
          if (this.waiting.remove(place)) return stopped(Effect.void)
          errand.stopped = () => stopped(Effect.void)
          errand.cancel?.()
        })
      })
    )

  /** Ends every worker; returns when they are gone. Nothing starts after it: what waits is given back. */
  readonly close: Effect.Effect<void> = Effect.promise(() => {
    this.closed = true
    for (let errand = this.waiting.shift(); errand !== undefined; errand = this.waiting.shift()) errand.end()
    return Promise.all(this.seats.map((seat) => seat.end()))
  })

  /** Gives batches that wait to workers that have room, first come, first served. */
  private serve(): void {
    if (this.serving) return
    this.serving = true
    for (let errand = this.waiting.peek(); errand !== undefined && !this.closed; errand = this.waiting.peek()) {
      const seat = this.seatFor(errand)
      if (seat === undefined) break
      this.waiting.shift()
      seat.begin(errand)
    }
    this.serving = false
  }

  /** The worker with the least to do; of those with nothing to do one that is up. */
  private seatFor({ alone, concurrency }: Errand): Seat | undefined {
    const share = alone ? 1 : Math.ceil(concurrency / this.seats.length)
    let best: Seat | undefined
    for (const seat of this.seats) {
      if (!seat.open || seat.load >= share) continue
      if (best === undefined || seat.load < best.load || (seat.load === best.load && seat.warm && !best.warm)) {
        best = seat
      }
    }
    return best
  }

  private caller(context: Context.Context<Scope.Scope>): Caller {
    const run = Effect.runForkWith(context)
    const { packing, suspects, unlucky } = this.kept(Context.get(context, Scope.Scope))
    return {
      backend: this.kind.name,
      ambient: ambientOf(context, this.kind.clone),
      suspects,
      unlucky,
      clone: this.kind.clone,
      packing,
      log: (log, annotations) => void run(logged(log, annotations))
    }
  }

  private kept(scope: Scope.Scope): Kept {
    let kept = this.runs.get(scope)
    if (kept === undefined) {
      kept = { packing: new Packing(this.maxBytes), suspects: new Set(), unlucky: new Set() }
      this.runs.set(scope, kept)
    }
    return kept
  }
}

interface Kept {
  readonly packing: Packing
  readonly suspects: Set<number | undefined>
  readonly unlucky: Set<number | undefined>
}

const ambientOf = (context: Context.Context<never>, clone: Clone): Ambient => {
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  const annotations: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(Context.get(context, References.CurrentLogAnnotations))) {
    if (isCloneable(value, clone)) annotations[key] = value
  }
  return {
    span: span && { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled },
    logLevel: Context.get(context, References.MinimumLogLevel),
    annotations,
    defaults: Plan.sendable(Context.get(context, Plan.Defaults))
  }
}

/** A message of a worker, through the loggers of who called it. */
const logged = (log: Log, annotations: Readonly<Record<string, unknown>>): Effect.Effect<void> => {
  const message = log.message.map(fromWire)
  const cause = Failures.decode(log.cause, undefined)
  const parts = Cause.isCause(cause) && cause.reasons.length > 0 ? [...message, cause] : message
  return Effect.annotateLogs(Effect.logWithLevel(log.level as never)(...parts), annotations)
}
