/**
 * How code of this library finds out that it runs inside a worker.
 */

/** What a module of this library finds in a worker, and nowhere else. */
export interface Inside {
  /** Says that somebody opens workers here: the module that was imported has started its program again. */
  readonly programStarted: () => void
}

export const insideKey = Symbol.for("effect-parallel/internal/Far")

/** The worker this runs in, if it runs in one. */
export const inside = (): Inside | undefined => (globalThis as { readonly [insideKey]?: Inside })[insideKey]
