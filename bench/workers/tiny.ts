/** A task that does as little as possible. */
import * as Effect from "effect/Effect"
import { Task } from "../../src/index.ts"

export const tiny = Task.make("tiny", { module: import.meta.url, run: (n: number) => Effect.succeed(n + 1) })
