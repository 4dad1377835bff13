/**
 * A task with a run inside. It has its own module, because the start of a worker takes longer the more the module of its
 * task imports.
 */
import * as Parallel from "effect-parallel/Parallel"
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"

/** Returns how many inputs a run inside it has in flight by default. */
export const nests = Task.make("nests", {
  module: import.meta.url,
  run: (inputs: number) =>
    Effect.gen(function*() {
      let [running, most] = [0, 0]
      yield* Parallel.forEach(Array.from({ length: inputs }, (_, i) => i), () =>
        Effect.sync(() => {
          most = Math.max(most, ++running)
        }).pipe(Effect.andThen(Effect.sleep(5)), Effect.andThen(Effect.sync(() => running--))))
      return most
    })
})
