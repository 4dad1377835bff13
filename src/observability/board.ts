/**
 * The runs that a progress watches, and their snapshots: taken when they are due, in one order, with rates and
 * remaining times.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Progress, Run, Snapshot } from "./contract.ts"

/** Least time between two calls of `show`, in milliseconds. */
const pause = 100

/** Length of the window over which a rate is taken, in milliseconds. */
const span = 10_000

/**
 * Makes a progress of a function that is shown all runs, at most ten times a second.
 *
 * **Details**
 *
 * Shape: `show` is given every run that is under way, each before those that it contains, and once more, with its last
 * snapshot, every run that has ended since. A run that ends is shown at once, where that is not the eleventh time in a
 * second; a quick succession of runs is shown together. `show` is never called twice at a time. Units: the first time
 * is 100 milliseconds after the start of a run. Errors: `show` must not fail. Interruption: when the scope closes, what
 * has ended and was not shown yet is shown.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  show: (snapshots: ReadonlyArray<Snapshot>) => Effect.Effect<void>
): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) => {
    const board = new Board(show, context)
    return Effect.as(Effect.addFinalizer(() => board.showNow), { watch: (run, self) => board.watch(run, self) })
  })

class Board {
  private readonly show: (snapshots: ReadonlyArray<Snapshot>) => Effect.Effect<void>
  private readonly context: Context.Context<Scope.Scope>
  private readonly clock: Clock.Clock
  private readonly turn = Semaphore.makeUnsafe(1)
  private readonly live = new Map<Run, Watched>()
  private ended: Array<Snapshot> = []
  private count = 0
  private ticker: Fiber.Fiber<void> | undefined
  /**
   * Time of the next call of `show`, in milliseconds of the monotonic clock. It advances by a pause with each call, so
   * a call that came early is made up for by a longer wait.
   */
  private next = -Infinity

  constructor(
    show: (snapshots: ReadonlyArray<Snapshot>) => Effect.Effect<void>,
    context: Context.Context<Scope.Scope>
  ) {
    this.show = show
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
  }

  watch<A, E, R>(run: Run, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      const parent = run.parent && this.live.get(run.parent)
      this.live.set(run, new Watched(run, this.count++, parent, this.now()))
      return Effect.andThen(
        this.start,
        Effect.onExit(restore(self), (exit) => this.end(run, Exit.hasInterrupts(exit) && !Exit.hasFails(exit)))
      )
    })
  }

  /**
   * Shows the runs that are under way and those that have ended since the last call; nothing if there are none. Never
   * runs twice at a time.
   */
  readonly showNow: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.now()
    const snapshots = [...this.live.values()].map((watched) => watched.snapshot(now, "running"))
    const all = [...snapshots, ...this.ended]
    if (all.length === 0) return Effect.void
    this.ended = []
    this.next = Math.max(this.next, now) + pause
    return Effect.provideContext(this.show(inOrder(all)), this.context)
  }).pipe(this.turn.withPermits(1))

  /** Starts the ticker unless it is running. */
  private readonly start = Effect.suspend(() => {
    if (this.ticker !== undefined) return Effect.void
    return Effect.map(
      Effect.forkIn(Effect.provideContext(this.ticking, this.context), Context.get(this.context, Scope.Scope)),
      (fiber) => void (this.ticker = fiber)
    )
  })

  /** Effect that shows the runs periodically until none is left. */
  private get ticking(): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => {
        if (this.live.size > 0 || this.ended.length > 0) return true
        this.ticker = undefined
        return false
      },
      body: () => Effect.andThen(Effect.sleep(Math.max(pause, this.next - this.now())), this.showNow),
      step: () => {}
    })
  }

  /** Takes a run off the board and shows its end if that is due; otherwise the ticker does. */
  private end(run: Run, interrupted: boolean): Effect.Effect<void> {
    const now = this.now()
    const watched = this.live.get(run)!
    this.live.delete(run)
    this.ended.push(watched.snapshot(now, interrupted ? "interrupted" : "done"))
    const early = this.next - now
    const due = early <= 0 || (early <= pause && this.live.size === 0)
    return Effect.andThen(due ? this.showNow : Effect.void, Effect.sync(() => this.stopIfIdle()))
  }

  /** Stops the ticker if no run is under way and the end of every run has been shown. */
  private stopIfIdle(): void {
    if (this.live.size > 0 || this.ended.length > 0) return
    this.ticker?.interruptUnsafe()
    this.ticker = undefined
  }

  /** Reads the clock: milliseconds of the monotonic clock. */
  private now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
  }
}

/** One run on the board. */
class Watched {
  private readonly run: Run
  private readonly id: number
  private readonly parent: Watched | undefined
  private readonly depth: number
  /** Milliseconds of the monotonic clock. */
  private readonly startedAt: number
  /**
   * Counts of finished inputs by time (milliseconds), the oldest first. Invariant: never empty, and only the first may
   * be older than the window.
   */
  private readonly samples: Array<{ readonly at: number; readonly done: number }>

  constructor(run: Run, id: number, parent: Watched | undefined, now: number) {
    this.run = run
    this.id = id
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
    this.startedAt = now
    this.samples = [{ at: now, done: 0 }]
  }

  snapshot(now: number, state: "running" | "done" | "interrupted"): Snapshot {
    const counts = this.run.counts()
    const rate = this.rate(now, counts.done - counts.recalled)
    const left = state === "running" && counts.total !== undefined && rate > 0
      ? Duration.seconds((counts.total - counts.done) / rate)
      : undefined
    return {
      ...counts,
      id: this.id,
      parent: this.parent?.id,
      depth: this.depth,
      name: this.run.name,
      elapsed: Duration.millis(now - this.startedAt),
      rate,
      left,
      state: state === "done" && counts.done !== counts.total ? "stopped" : state
    }
  }

  /** Returns the inputs per second over the window, or over the whole run if none was finished in the window. */
  private rate(now: number, done: number): number {
    const { samples, startedAt } = this
    while (samples.length > 1 && samples[1]!.at <= now - span) samples.shift()
    const { at, done: before } = samples[0]!
    if (samples.at(-1)!.at < now) samples.push({ at: now, done })
    const [from, many] = done > before ? [at, done - before] : [startedAt, done]
    return now > from ? 1000 * many / (now - from) : 0
  }
}

/** Orders snapshots: each run before the runs inside it, otherwise by start. */
const inOrder = (snapshots: ReadonlyArray<Snapshot>): ReadonlyArray<Snapshot> => {
  const present = new Set(snapshots.map(({ id }) => id))
  const within = new Map<number | undefined, Array<Snapshot>>()
  for (const snapshot of snapshots.toSorted((a, b) => a.id - b.id)) {
    const parent = present.has(snapshot.parent!) ? snapshot.parent : undefined
    const siblings = within.get(parent)
    if (siblings === undefined) within.set(parent, [snapshot])
    else siblings.push(snapshot)
  }
  const ordered: Array<Snapshot> = []
  const add = (parent: number | undefined): void => {
    for (const snapshot of within.get(parent) ?? []) {
      ordered.push(snapshot)
      add(snapshot.id)
    }
  }
  add(undefined)
  return ordered
}
