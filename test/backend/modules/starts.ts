import { Parallel, Task } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Effect from "effect/Effect"
import { inWorker } from "./inWorker.ts"

/** Starts its program when a worker imports it. */
export const task = Task.make("task", { module: import.meta.url, run: (n: number) => Effect.succeed(n) })

if (inWorker) {
  await Effect.runPromise(Parallel.forEach([1, 2, 3], task).pipe(Effect.provide(Threads.layer({ workers: 1 }))))
}
