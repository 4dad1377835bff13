/**
 * The runs that a progress watches, and their snapshots: taken when they are due, in one order, with rates and
 * remaining times.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { warn } from "../primitives/causes.ts"
import { checkedEffect, inTime } from "../primitives/effects.ts"
import * as Contract from "./contract.ts"
import type { Progress, Run, Snapshot } from "./contract.ts"
import { endOf } from "./ending.ts"
import { RateMeter, secondsLeft } from "./rate.ts"

/** Least time between two calls of `show`, in milliseconds. */
const pause = 100

/** Longest time that the end of a run waits for `show`, in milliseconds. */
const patience = 5000

/** Greatest number of ended runs that are kept while `show` is late. */
const mostEnded = 1000

/**
 * Makes a progress that passes snapshots of all runs to a function, at most ten times a second.
 *
 * **When to use**
 *
 * Use for a progress that needs a scope of its own; `layerCallback` does the same as a layer.
 *
 * **Details**
 *
 * `show` gets a snapshot of every run that is in progress, each before the runs inside it, and once more, with its last
 * snapshot, every run that has ended since. The first call comes 100 milliseconds after the start of a run. A run that
 * ends is shown immediately, unless that would be the eleventh call within a second; runs that follow each other
 * quickly are shown together. Calls never overlap, and runs that `show` starts are not watched. When the scope closes,
 * runs that have ended and were not shown yet are shown.
 *
 * A `show` that fails, dies or is interrupted never affects a run: that is logged once, as a warning, and `show` is
 * called again when it is due. The end of a run, and of the scope, waits for it at most 5 seconds, by Effect's clock.
 * Then `show` is interrupted, which is logged, and from then on no run waits for it.
 *
 * **Example** (Watching the runs inside an effect)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Progress } from "effect-parallel"
 *
 * const ended: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const progress = yield* Progress.make((snapshots) =>
 *     Effect.sync(() => ended.push(...snapshots.filter(({ state }) => state !== "running").map(({ name }) => name)))
 *   )
 *   yield* Effect.provideService(Parallel.forEach([1], Effect.succeed, { name: "pages" }), Progress.Progress, progress)
 * })
 * await Effect.runPromise(Effect.scoped(program))
 *
 * console.log(ended) // => ["pages"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  show: (snapshots: ReadonlyArray<Snapshot>) => Effect.Effect<void>
): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) => {
    const board = new Board(show, context)
    return Effect.as(Effect.addFinalizer(() => board.showEnd), { watch: (run, self) => board.watch(run, self) })
  })

class Board {
  private readonly show: (snapshots: ReadonlyArray<Snapshot>) => Effect.Effect<void>
  private readonly context: Context.Context<Scope.Scope>
  private readonly clock: Clock.Clock
  private readonly live = new Map<Run, Watched>()
  private ended: Array<Snapshot> = []
  private count = 0
  private ticker: Fiber.Fiber<void> | undefined
  /**
   * Time of the next call of `show`, in milliseconds of the monotonic clock. Each call moves it by a pause, so after a
   * call that came early the wait is longer.
   */
  private next = -Infinity
  /**
   * True while `show` is called. `call` is the fiber of the call, and `showing` the fiber inside it that `show` runs in
   * and may end. Both are set once they have suspended.
   */
  private busy = false
  private call: Fiber.Fiber<void> | undefined
  private showing: Fiber.Fiber<void> | undefined
  /** True if a run has given up waiting for `show`, and true if something about `show` has been logged. */
  private late = false
  private warned = false

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
        Effect.onExit(restore(self), (exit) => this.end(run, exit))
      )
    })
  }

  /**
   * Shows the current snapshots and waits until that call has ended. If another call is running, waits for its end
   * first.
   */
  private readonly showNow: Effect.Effect<void> = Effect.suspend(() =>
    this.call === undefined ? Effect.andThen(this.begin, this.callEnd) : Effect.andThen(this.callEnd, this.showNow)
  )

  /** Does the same, but waits no longer than a run may. */
  readonly showEnd: Effect.Effect<void> = Effect.suspend(() => {
    if (this.late) return this.begin
    if (this.call !== undefined) return this.bounded(this.showNow)
    return Effect.andThen(
      this.begin,
      Effect.suspend(() => this.call === undefined ? Effect.void : this.bounded(this.callEnd))
    )
  })

  private readonly callEnd: Effect.Effect<void> = Effect.suspend(() =>
    this.call === undefined ? Effect.void : Effect.asVoid(Fiber.await(this.call))
  )

  /** Waits for an effect, and gives up when it takes too long. */
  private bounded(wait: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.flatMap(
      Effect.provideContext(inTime(wait, patience), this.context),
      (ended) => ended ? Effect.void : this.giveUp
    )
  }

  private readonly giveUp = Effect.suspend(() => {
    this.late = true
    return Effect.andThen(
      this.warnOnce(`progress was not shown within ${patience / 1000} seconds; runs no longer wait for it`),
      Effect.sync(() => this.showing?.interruptUnsafe())
    )
  })

  private warnOnce(message: string, cause: Cause.Cause<unknown> = Cause.empty): Effect.Effect<void> {
    if (this.warned) return Effect.void
    this.warned = true
    return Effect.provideContext(warn(message, cause), this.context)
  }

  /**
   * Calls `show` with the runs that have not ended and those that have ended since the last call. Does nothing if there
   * are none, or if a call is running. Waits only for a call that ends without suspending.
   */
  private readonly begin: Effect.Effect<void> = Effect.suspend(() => {
    if (this.busy) return Effect.void
    const now = this.now()
    const snapshots = [...this.live.values()].map((watched) => watched.snapshot(now, undefined))
    const all = [...snapshots, ...this.ended]
    if (all.length === 0) return Effect.void
    this.ended = []
    this.next = Math.max(this.next, now) + pause
    this.busy = true
    return Effect.map(Effect.forkDetach(this.calling(inOrder(all)), { startImmediately: true }), (fiber) => {
      if (fiber.pollUnsafe() === undefined) this.call = fiber
      fiber.addObserver(() => {
        this.busy = false
        this.call = undefined
        this.showing = undefined
      })
    })
  })

  /** Calls `show` in a fiber of its own, which it may end, and logs its failure. */
  private calling(snapshots: ReadonlyArray<Snapshot>): Effect.Effect<void> {
    const shown = Effect.suspend(() => checkedEffect(this.show(snapshots))).pipe(
      Effect.provideContext(this.context),
      Effect.provideService(Contract.Progress, Contract.none)
    )
    return Effect.flatMap(Effect.forkChild(shown, { startImmediately: true }), (fiber) => {
      this.showing = fiber
      return Effect.flatMap(
        Fiber.await(fiber),
        (exit) => Exit.isFailure(exit) ? this.warnOnce("progress could not be shown", exit.cause) : Effect.void
      )
    })
  }

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

  /** Takes a run off the board and shows its end if that is due. Otherwise the ticker shows it. */
  private end(run: Run, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const now = this.now()
    const watched = this.live.get(run)!
    this.live.delete(run)
    if (!this.late || this.ended.length < mostEnded) {
      this.ended.push(watched.snapshot(now, exit))
    }
    const early = this.next - now
    const due = early <= 0 || (early <= pause && this.live.size === 0)
    return Effect.andThen(due ? this.showEnd : Effect.void, Effect.sync(() => this.stopIfIdle()))
  }

  /** Stops the ticker if all runs have ended and their ends have been shown. */
  private stopIfIdle(): void {
    if (this.live.size > 0 || this.ended.length > 0) return
    this.ticker?.interruptUnsafe()
    this.ticker = undefined
  }

  /** Reads the clock, in milliseconds of the monotonic clock. */
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
  /** Start in milliseconds of the monotonic clock. */
  private readonly startedAt: number
  private readonly rate: RateMeter

  constructor(run: Run, id: number, parent: Watched | undefined, now: number) {
    this.run = run
    this.id = id
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
    this.startedAt = now
    this.rate = new RateMeter(now)
  }

  /** Returns its snapshot. `exit` is set if it has ended. */
  snapshot(now: number, exit: Exit.Exit<unknown, unknown> | undefined): Snapshot {
    const counts = this.run.counts()
    const state = exit === undefined ? "running" : endOf(counts, exit)
    const rate = this.rate.at(now, counts.done - counts.recalled)
    const left = state === "running" ? secondsLeft(counts, rate) : undefined
    return {
      ...counts,
      id: this.id,
      parent: this.parent?.id,
      depth: this.depth,
      name: this.run.name,
      elapsed: Duration.millis(now - this.startedAt),
      rate,
      left: left === undefined ? undefined : Duration.seconds(left),
      state
    }
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
