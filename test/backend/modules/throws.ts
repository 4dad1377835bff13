import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import { inWorker } from "./inWorker.ts"

/** Throws when a worker imports it. */
export const task = Task.make("task", { module: import.meta.url, run: (n: number) => Effect.succeed(n) })

if (inWorker) throw new RangeError("not today", { cause: "the reason" })
