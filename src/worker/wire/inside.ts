/**
 * Detection of the worker around: code of this library learns whether it runs inside one.
 */

/** Hooks that exist inside a worker only. */
export interface Inside {
  /** Reports that workers are opened here: the module that is being imported starts its program again. */
  readonly programStarted: () => void
}

export const insideKey = Symbol.for("effect-parallel/internal/Far")

/** Returns the hooks of the worker around; undefined in a program. */
export const inside = (): Inside | undefined => (globalThis as { readonly [insideKey]?: Inside })[insideKey]
