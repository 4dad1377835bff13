// Imports a module without its extension, as Vitest and bundlers allow, and Node.js does not.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import { twice } from "./twice"

export const double = Task.make("double", { module: import.meta.url, run: (n) => Effect.succeed(twice(n)) })
