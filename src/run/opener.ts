/**
 * Opens the lanes of a run: more of them as inputs come, a new one where work has taken a lane down, and as many as
 * there are workers where that number changes.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Causes from "../primitives/causes.ts"
import { FiberGroup } from "../primitives/fiberGroup.ts"
import type { InputQueue } from "./inputs/queue.ts"
import type { Lane } from "./lanes/lane.ts"
import type { LaneCount } from "./lanes/laneCount.ts"

/** Makes one lane, with `worker` as its number. */
export type MakeLane<R> = (worker: number) => AnyLane<R>

type AnyLane<R> = Pick<Lane<unknown, unknown, unknown, R>, "worker" | "ready" | "run" | "lost" | "keep">

/** Number of lanes in the first group. Each further group is twice as large, up to the largest. */
const firstGroup = 16
const largestGroup = 8192

/**
 * Opens the lanes of a run and waits for them. Lanes are opened in groups: the last lane of a group opens the next
 * group when it has found an input, so a high concurrency costs nothing if few inputs are available at the start.
 * Inputs that the run has to wait for open lanes faster than they need them. Invariant: `wanted` is at most the
 * greatest number of lanes so far, and `opened` is at most `wanted`.
 */
export class LaneOpener<R, EI, RI> {
  private readonly queue: InputQueue<any, EI, RI>
  private readonly makeLane: MakeLane<R>
  private readonly count: LaneCount
  private readonly fibers = new FiberGroup<R | RI>()
  /** Number of lanes opened, number of lanes to open so far, and size of the next group. */
  private opened = 0
  private wanted = 0
  private group = firstGroup
  /** Numbers of the lanes that have lost their fiber and have not been replaced. */
  private readonly vacant: Array<number> = []
  private endFeed: () => void = () => {}
  /** Numbers of the lanes that have ended because there are fewer workers. */
  private readonly surplus: Array<number> = []
  /** True while `open` runs. A lane that ends while it starts may call it again. */
  private opening = false

  constructor(queue: InputQueue<any, EI, RI>, makeLane: MakeLane<R>, count: LaneCount) {
    this.queue = queue
    this.makeLane = makeLane
    this.count = count
  }

  /**
   * Runs the lanes to their end. Fails if the inputs have failed; defects that came while the run was being stopped are
   * logged first. Dies if the lanes have ended, inputs are left, and nobody stopped the run.
   */
  run(): Effect.Effect<void, EI, R | RI> {
    return Effect.flatMap(this.fibers.run(() => this.begin()), () => {
      const { complete, count, done, draining, failure, stopped } = this.queue
      const left = stopped || draining || complete ? Effect.void : Effect.die(
        new Error(`a run ended with inputs left: ${done} of the ${count} inputs taken are done`)
      )
      return Effect.andThen(
        quietly(this.fibers.lateDefects),
        failure === undefined ? left : Effect.failCause(failure)
      )
    })
  }

  /** Ends the feed of the inputs: no more are wanted. */
  drain(): void {
    this.endFeed()
  }

  /** Interrupts the lanes and the feed of the inputs. */
  stop(): void {
    this.fibers.stop()
  }

  /**
   * Changes the number of lanes. If there are fewer, the last lanes of batches end when they come for more inputs.
   * Lanes of single inputs stay: an input that is too many waits for a worker.
   */
  resize(concurrency: number): void {
    const before = this.count.lanes
    this.count.concurrency = concurrency
    const { lanes } = this.count
    if (lanes <= before || this.queue.finished || this.fibers.stopping) return
    for (const worker of this.surplus.splice(0)) (worker < lanes ? this.vacant : this.surplus).push(worker)
    // otherwise the last lane of a group is waiting for an input, and opens the next group when it has one
    if (this.wanted >= before && this.wanted < lanes) this.widen()
    else this.open()
  }

  /** Starts the feed of the inputs and the first group of lanes. */
  private begin(): void {
    const { feed } = this.queue
    if (feed !== undefined) {
      this.endFeed = this.fibers.fork(
        Effect.interruptible(feed),
        (exit) => this.queue.draining ? undefined : this.endRunOnFailure(exit)
      )
    }
    this.widen()
  }

  /** Opens the next group. */
  private widen(): void {
    this.wanted = Math.max(this.wanted, Math.min(this.opened + this.group, this.count.lanes))
    this.group = Math.min(2 * this.group, largestGroup)
    this.open()
  }

  /** Opens the missing lanes one after another, including those that go missing meanwhile. */
  private open(): void {
    if (this.opening) return
    this.opening = true
    while ((this.vacant.length > 0 || this.opened < this.wanted) && !this.queue.finished) {
      const vacant = this.vacant.pop()
      const lane = this.makeLane(vacant ?? this.opened++)
      const last = vacant === undefined && this.opened === this.wanted && this.wanted < this.count.lanes
      if (last) this.startLast(lane)
      else this.start(lane)
    }
    this.opening = false
  }

  /** Starts the last lane of a group once it has found an input, then opens the next group. */
  private startLast(lane: AnyLane<R>): void {
    const found = Effect.map(Effect.suspend(lane.ready), (ready) => {
      if (!ready) return this.ended(lane)
      this.start(lane)
      this.widen()
    })
    this.fibers.fork(found, this.endRunOnFailure)
  }

  /** Starts a lane, and replaces it if its work takes its fiber down. */
  private start(lane: AnyLane<R>): void {
    this.fibers.fork(lane.run, (exit) => {
      if (this.fibers.stopping) return lane.keep()
      if (Exit.isSuccess(exit)) return this.ended(lane)
      if (!lane.lost(exit.cause)) return this.endRunOnFailure(exit)
      this.vacant.push(lane.worker)
      this.open()
    })
  }

  /** Notes a lane that has ended, if it did because there are fewer workers. */
  private ended(lane: AnyLane<R>): void {
    if (lane.worker >= this.count.lanes) this.surplus.push(lane.worker)
  }

  /**
   * Ends the run if the supply of inputs has failed: the feed, the wait of the last lane of a group, or a lane for a
   * reason that is not its input.
   */
  private readonly endRunOnFailure = (exit: Exit.Exit<void, EI>): void => {
    if (Exit.isFailure(exit)) this.queue.fail(exit.cause)
  }
}

/** Runs an effect whose failure must not change how the run ends. The failure is logged. */
export const quietly = (effect: Effect.Effect<void>): Effect.Effect<void> => Effect.catchCause(effect, warn)

export const warn = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Causes.warn("something failed while a run was being stopped", cause)
