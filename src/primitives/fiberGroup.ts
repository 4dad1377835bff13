/**
 * Fibers that work side by side, and end together.
 *
 * `Effect.forEach` ends with the first of its fibers that fails. A fiberGroup goes on without one that is lost, and whoever
 * looks after it may put another in its place.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

export class FiberGroup<R> {
  /** Whether all have been told to stop; nobody joins any more. */
  stopping = false
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private stoppedBy: number | undefined = undefined
  private forkFiber!: (effect: Effect.Effect<void, unknown, R>) => Fiber.Fiber<void, unknown>
  private finish: () => void = () => {}
  /** Counts those who may still let others join. */
  private busy = 0
  private readonly defects: Array<Cause.Die> = []

  /**
   * Runs until all have ended who joined, from `begin` on. Interruption stops them and waits until they have ended; what
   * they died of then is part of its cause.
   */
  run(begin: () => void): Effect.Effect<void, never, R> {
    return Effect.withFiber((parent) =>
      Effect.uninterruptibleMask((restore) => {
        const fork = Effect.runForkWith(parent.context as Context.Context<R>)
        this.stoppedBy = parent.id
        this.forkFiber = (effect) => fork(restore(effect), { uninterruptible: true })
        return restore(Effect.callback<void>((resume) => {
          this.finish = () => resume(Effect.void)
          this.holding(begin)
          return Effect.andThen(this.interruption, Effect.suspend(() => this.lateDefects))
        }))
      })
    )
  }

  /** Starts a fiber; `ended` is told how it ended, and may let others join. */
  fork<E>(effect: Effect.Effect<void, E, R>, ended: (exit: Exit.Exit<void, E>) => unknown): void {
    if (this.stopping) return
    const fiber = this.forkFiber(effect) as Fiber.Fiber<void, E>
    this.fibers.add(fiber)
    if (this.stopping) fiber.interruptUnsafe(this.stoppedBy)
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      if (this.stopping && Exit.isFailure(exit)) this.defects.push(...exit.cause.reasons.filter(Cause.isDieReason))
      this.holding(() => ended(exit))
    })
  }

  /** Interrupts all. */
  stop(): void {
    if (this.stopping) return
    this.stopping = true
    for (const fiber of this.fibers) fiber.interruptUnsafe(this.stoppedBy)
  }

  /** What they died of after they had been told to stop. */
  get lateDefects(): Effect.Effect<void> {
    return this.defects.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons<never>(this.defects))
  }

  private get interruption(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.finish = () => resume(Effect.void)
      this.holding(() => this.stop())
    })
  }

  private holding(task: () => unknown): void {
    this.busy++
    task()
    this.busy--
    if (this.busy === 0 && this.fibers.size === 0) this.finish()
  }
}

/** What a fiber has whose runtime does not keep them. */
export const noFibers: ReadonlySet<never> = new Set()

/** The fibers that a fiber has forked as its children. The runtime keeps them to interrupt them when the fiber ends. */
export const childrenOf = (fiber: Fiber.Fiber<unknown, unknown>): ReadonlySet<Fiber.Fiber<unknown, unknown>> =>
  (fiber as { children?: () => Set<Fiber.Fiber<unknown, unknown>> }).children?.() ?? noFibers
