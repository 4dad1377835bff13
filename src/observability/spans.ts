/**
 * Spans of attempts, for runs that ask for them.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { shortenName } from "../primitives/shorten.ts"

/**
 * Returns true if the input at an index has spans. The choice is even and deterministic: every third input for a share
 * of a third.
 */
export const isSampled = (index: number, share: number): boolean =>
  Math.floor((index + 1) * share) > Math.floor(index * share)

/**
 * Puts a span around the attempts at a share of the inputs. It is the parent of the spans inside the attempt. Its
 * attributes are index, attempt and worker, and the outcome once it ends.
 */
export const sampled = <
  Item extends { readonly index: number; readonly attempts: number },
  AttemptContext extends { readonly worker: number },
  A,
  E,
  R
>(start: (item: Item, context: AttemptContext) => Effect.Effect<A, E, R>, run: string, share: number): typeof start =>
(item, context) => {
  const { attempts: attempt, index } = item
  if (!isSampled(index, share)) return start(item, context)
  return Effect.useSpan(
    nameOf(run),
    { attributes: { index, attempt, worker: context.worker } },
    (span) =>
      Effect.onExit(
        Effect.provideService(Effect.suspend(() => start(item, context)), Tracer.ParentSpan, span),
        (exit) => Effect.sync(() => span.attribute("outcome", outcomeOf(exit)))
      )
  )
}

/** An attempt that ran on a backend. Times are in nanoseconds of the monotonic clock of its run. */
export interface RemoteSpan {
  readonly index: number
  readonly attempt: number
  readonly worker: number
  readonly beganAt: number
  readonly endedAt: number
}

/**
 * Makes spans of attempts at a share of the inputs, after they have ended, with the times that were reported. `time`
 * reads the monotonic clock of the run. Spans that the task makes where it runs have the run as their parent.
 */
export class SpanRecorder {
  private readonly name: string
  private readonly share: number
  private readonly time: () => number
  private offset: bigint | undefined

  constructor(run: string, share: number, time: () => number) {
    this.name = nameOf(run)
    this.share = share
    this.time = time
  }

  /** Records an attempt, in the context of its run. */
  record(
    context: Context.Context<never>,
    { attempt, beganAt, endedAt, index, worker }: RemoteSpan,
    exit: Exit.Exit<unknown, unknown>
  ): void {
    if (!isSampled(index, this.share)) return
    const clock = Context.get(context, Clock.Clock)
    const offset = this.offset ??= clock.currentTimeNanosUnsafe() - BigInt(this.time())
    const startTime = offset + BigInt(beganAt)
    const make = Effect.makeSpan(this.name, { attributes: { index, attempt, worker, outcome: outcomeOf(exit) } })
    // a span reads the clock when it starts
    const began: Clock.Clock = Object.create(clock, { currentTimeNanosUnsafe: { value: () => startTime } })
    const span = Effect.runSyncWith(Context.add(context, Clock.Clock, began))(make)
    span.end(Context.get(context, References.TracerTimingEnabled) ? offset + BigInt(endedAt) : 0n, exit)
  }
}

/** Returns the name of the spans of attempts of a run. */
const nameOf = (run: string): string => `${shortenName(run)}.attempt`

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "succeeded" | "failed" | "interrupted" =>
  Exit.isSuccess(exit) ? "succeeded" : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
