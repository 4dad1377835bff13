import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import { inWorker } from "./inWorker.ts"

/** Never finishes its import in a worker. */
export const task = Task.make("task", { module: import.meta.url, run: (n: number) => Effect.succeed(n) })

if (inWorker) await new Promise(() => {})
