/**
 * The reference that makes everything inside an effect run sequentially, in this process, for debugging.
 */
import * as Context from "effect/Context"

export const Sequential = Context.Reference<boolean>("effect-parallel/Sequential", { defaultValue: () => false })
