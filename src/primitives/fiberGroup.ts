/**
 * A group of fibers that ends when all of its fibers have ended.
 *
 * `Effect.forEach` ends with the first of its fibers that fails. A group continues without a fiber that is lost, and
 * its owner may fork another one in its place.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

export class FiberGroup<R> {
  /** True once every fiber has been interrupted. Nothing is forked after that. */
  stopping = false
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private stoppedBy: number | undefined = undefined
  private forkFiber!: (effect: Effect.Effect<void, unknown, R>) => Fiber.Fiber<void, unknown>
  private finish: () => void = () => {}
  /** Number of callbacks that are running and may still fork. The group ends when this is 0 and no fiber is left. */
  private busy = 0
  private readonly defects: Array<Cause.Die> = []

  /**
   * Calls `begin`, which forks the first fibers, and waits until every fiber has ended. Interruption interrupts the
   * fibers and waits until they have ended. Their defects from then on become part of its cause.
   */
  run(begin: () => void): Effect.Effect<void, never, R> {
    return Effect.withFiber((parent) =>
      Effect.uninterruptibleMask((restore) => {
        const fork = Effect.runForkWith(parent.context as Context.Context<R>)
        this.stoppedBy = parent.id
        this.forkFiber = (effect) => fork(restore(effect), { uninterruptible: true })
        return restore(Effect.callback<void>((resume) => {
          this.finish = () => resume(Effect.void)
          this.runBusy(begin)
          return Effect.andThen(this.interruption, Effect.suspend(() => this.lateDefects))
        }))
      })
    )
  }

  /**
   * Forks a fiber. Calls `ended` with its exit, even while the group is stopping; that callback may fork others. Does
   * nothing once the group is stopping. Returns a function that interrupts the fiber.
   */
  fork<E>(effect: Effect.Effect<void, E, R>, ended: (exit: Exit.Exit<void, E>) => unknown): () => void {
    if (this.stopping) return () => {}
    const fiber = this.forkFiber(effect) as Fiber.Fiber<void, E>
    this.fibers.add(fiber)
    if (this.stopping) fiber.interruptUnsafe(this.stoppedBy)
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      if (this.stopping && Exit.isFailure(exit)) this.defects.push(...exit.cause.reasons.filter(Cause.isDieReason))
      this.runBusy(() => ended(exit))
    })
    return () => fiber.interruptUnsafe(this.stoppedBy)
  }

  /** Interrupts every fiber and rejects new ones. */
  stop(): void {
    if (this.stopping) return
    this.stopping = true
    for (const fiber of this.fibers) fiber.interruptUnsafe(this.stoppedBy)
  }

  /** Effect that fails with the defects of fibers that died after the group was stopped, if there are any. */
  get lateDefects(): Effect.Effect<void> {
    return this.defects.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons<never>(this.defects))
  }

  /** Effect that stops the group and waits until every fiber has ended. */
  private get interruption(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.finish = () => resume(Effect.void)
      this.runBusy(() => this.stop())
    })
  }

  /** Runs a callback that may fork, and ends the group if no fiber is left afterward. */
  private runBusy(task: () => unknown): void {
    this.busy++
    task()
    this.busy--
    if (this.busy === 0 && this.fibers.size === 0) this.finish()
  }
}

/** Children of a fiber, where the runtime does not keep track of them. */
export const noFibers: ReadonlySet<never> = new Set()

/** Returns the children of a fiber. The runtime keeps track of them to interrupt them when the fiber ends. */
export const childrenOf = (fiber: Fiber.Fiber<unknown, unknown>): ReadonlySet<Fiber.Fiber<unknown, unknown>> =>
  (fiber as { children?: () => Set<Fiber.Fiber<unknown, unknown>> }).children?.() ?? noFibers
