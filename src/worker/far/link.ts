/**
 * What the parts of a worker know of each other, and how code finds out that it runs in one.
 */
import type { FromFar, Run, ToFar } from "../wire/messages.ts"

/** How a worker of some kind reaches its near side. */
export interface Link {
  readonly post: (message: FromFar, transfer?: ReadonlyArray<unknown>) => void
  readonly listen: (receive: (message: ToFar) => void) => void
  /**
   * Notes that a batch comes to a position, at this time of the system's monotonic clock in milliseconds; `false` when
   * the near side has cut the batch before it.
   */
  readonly claim: (slot: number, position: number, since: number) => boolean
  /** Ends the worker. */
  readonly close: () => void
}

/** What a module of this library finds in a worker, and nowhere else. */
export interface Far {
  /** Says that somebody opens workers here: the module that was imported has started its program again. */
  readonly programStarted: () => void
}

export const farKey = Symbol.for("effect-parallel/internal/Far")

/** The worker this runs in, if it runs in one. */
export const far = (): Far | undefined => (globalThis as { readonly [farKey]?: Far })[farKey]

/** What boots a worker asks of what runs in it. */
export interface Runner {
  readonly run: (run: Run, task: unknown) => void
  readonly recall: (id: number) => void
  readonly cancel: (id: number) => void
  /** Tells at once what has not been told: the worker is about to end. */
  readonly flush: () => void
  /** Whether any batch is under way. */
  readonly busy: () => boolean
  readonly end: () => Promise<void>
}
