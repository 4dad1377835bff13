/**
 * Whether all that is inside runs one after another, in this process: the way to debug it.
 */
import * as Context from "effect/Context"

export const Sequential = Context.Reference<boolean>("effect-parallel/Sequential", { defaultValue: () => false })
