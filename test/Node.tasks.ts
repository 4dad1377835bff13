import { Effect } from "effect"
import { Task } from "effect-parallel"

export const half = Task.make("half", { module: import.meta.url, run: (n: number) => Effect.succeed(n / 2) })
