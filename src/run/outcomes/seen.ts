/**
 * A run as its spectators see it: what its sink is given goes to them too.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Run } from "../../observability/contract.ts"
import { type SeenInputs, type SeenRun, Spectators } from "../../observability/spectator.ts"
import { shortenInput, shortenMessage, type ShowInput } from "../../primitives/shorten.ts"
import * as Attempt from "../../task/attempt.ts"
import type { Item } from "../inputs/item.ts"
import type { Sink } from "./sink.ts"

/** The spectators of one run. */
export class Seen {
  readonly detailed: boolean
  private readonly all: ReadonlyArray<SeenInputs>

  constructor(all: ReadonlyArray<SeenInputs>) {
    this.all = all
    this.detailed = all.some(({ detailed }) => detailed)
  }

  /** Runs an effect: what begins in it is inside of this run. `time` reads the monotonic clock, in nanoseconds. */
  around<A, E, R>(run: Effect.Effect<A, E, R>, time: () => number): Effect.Effect<A, E, R> {
    return Effect.onExit(
      Effect.provideService(run, Spectators, this.all),
      (exit) => Effect.sync(() => this.ended(exit, time()))
    )
  }

  /** Puts the spectators before a sink. */
  sink<I, A, E>(sink: Sink<I, A, E>): Sink<I, A, E> {
    return new SeenSink(sink, this)
  }

  began(item: Pick<Item<unknown>, "index" | "input">, worker: number, at?: number): void {
    for (const each of this.all) if (each.detailed) each.began(item, worker, at)
  }

  left(index: number, worker: number): void {
    for (const each of this.all) if (each.detailed) each.left(index, worker)
  }

  succeeded(item: Item<unknown>): void {
    for (const each of this.all) if (each.detailed) each.succeeded(item)
  }

  failed(item: Item<unknown>, cause: Cause.Cause<unknown>): void {
    for (const each of this.all) each.failed(item, cause)
  }

  reported(report: unknown): void {
    for (const each of this.all) each.reported(report)
  }

  private ended(exit: Exit.Exit<unknown, unknown>, at: number): void {
    for (const each of this.all) each.ended(exit, at)
  }
}

/** What is told of a run that begins. */
interface Begun extends Pick<SeenRun, "backend" | "options" | "beganAt"> {
  readonly observer: Run
  readonly startedAt: DateTime.Utc
  readonly show: ShowInput | undefined
}

/** Shows a run to the spectators around it; undefined if there are none. */
export const open = (
  context: Context.Context<never>,
  { observer, show, startedAt, ...begun }: Begun
): Seen | undefined => {
  const spectators = Context.get(context, Spectators)
  if (spectators.length === 0) return undefined
  const run: SeenRun = {
    ...begun,
    run: observer,
    index: Attempt.aroundRun(context)?.index,
    startedAt: startedAt.epochMilliseconds,
    show: (input) => show === undefined ? shortenMessage(input, inputLength) : shortenInput(input, show, inputLength)
  }
  return new Seen(spectators.map((spectator) => spectator.open(run)))
}

/** Greatest number of characters of a shown input. */
const inputLength = 120

/** A sink that tells spectators of what it is given. */
class SeenSink<I, A, E> implements Sink<I, A, E> {
  readonly detailed: boolean
  readonly retires: boolean
  private readonly sink: Sink<I, A, E>
  private readonly seen: Seen

  constructor(sink: Sink<I, A, E>, seen: Seen) {
    this.sink = sink
    this.seen = seen
    this.detailed = sink.detailed || seen.detailed
    this.retires = sink.retires
  }

  onSuccess(item: Item<I>, value: A): true | void {
    if (this.seen.detailed) this.seen.succeeded(item)
    return this.sink.onSuccess(item, value)
  }

  onFailure(item: Item<I>, cause: Cause.Cause<E>): boolean {
    this.seen.failed(item, cause)
    return this.sink.onFailure(item, cause)
  }
}
