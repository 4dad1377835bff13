/**
 * Detects whether this library runs inside a worker.
 */

/** Hooks that exist only inside a worker. */
export interface Inside {
  /** Reports that workers are opened here, so the module that is being imported starts its program again. */
  readonly programStarted: () => void
}

export const insideKey = Symbol.for("effect-parallel/internal/Far")

/** Returns the hooks of the worker that runs this code, or `undefined` in a program. */
export const inside = (): Inside | undefined => (globalThis as { readonly [insideKey]?: Inside })[insideKey]
