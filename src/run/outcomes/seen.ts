/**
 * A run as its spectators see it: every exit that its sink gets goes to them too.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Run } from "../../observability/contract.ts"
import { type SeenInputs, type SeenRun, type Spectator, Spectators } from "../../observability/spectator.ts"
import { prefix } from "../../primitives/printable.ts"
import { shortenInput, shortenMessage, type ShowInput } from "../../primitives/shorten.ts"
import { inputLength } from "../../report/texts.ts"
import * as Attempt from "../../task/attempt.ts"
import type { Item } from "../inputs/item.ts"
import type { Sink } from "./sink.ts"

/** The spectators of one run. */
export class Seen {
  readonly detailed: boolean
  private readonly spectators: ReadonlyArray<Spectator>
  private readonly run: SeenRun
  /** The run as each spectator sees it. Empty until the run starts. */
  private all: ReadonlyArray<SeenInputs> = []

  constructor(spectators: ReadonlyArray<Spectator>, run: SeenRun) {
    this.spectators = spectators
    this.run = run
    this.detailed = spectators.some(({ detailed }) => detailed)
  }

  /**
   * Shows the run to the spectators. Runs that begin in it are inside it for them. Either both its start and its end
   * are reported, or neither. `time` reads the monotonic clock, in nanoseconds.
   */
  around<A, E, R>(run: Effect.Effect<A, E, R>, time: () => number): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      this.all = this.spectators.map((spectator) => spectator.open(this.run))
      const inside = Attempt.betweenAttempts(Effect.provideService(run, Spectators, this.all))
      return Effect.onExit(restore(inside), (exit) => Effect.sync(() => this.ended(exit, time())))
    })
  }

  /** Returns a sink that passes every exit to the spectators, and then to `sink`. */
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

/** Facts about a run that begins. */
interface Begun extends Pick<SeenRun, "backend" | "options" | "beganAt"> {
  readonly observer: Run
  readonly startedAt: DateTime.Utc
  readonly show: ShowInput | undefined
}

/** Returns the connection of a run to the spectators around it. Returns undefined if there are none. */
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
    show: (input) => show === undefined ? lineOf(input) : shortenInput(input, show, inputLength)
  }
  return new Seen(spectators, run)
}

/** Shows an input. Only the start of a long text is read. */
const lineOf = (input: unknown): string =>
  shortenMessage(typeof input === "string" ? prefix(input, 4 * inputLength) : input, inputLength)

/** A sink that also passes exits to spectators. */
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
