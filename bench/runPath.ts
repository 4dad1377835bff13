/** Runs one of several paths over numbers, chosen by the command line: `<path> <inputs>`. */
import * as Effect from "effect/Effect"
import { numbers } from "./work.ts"

export type Path = (inputs: ReadonlyArray<number>) => Effect.Effect<unknown, unknown>

export const runPath = (paths: Readonly<Record<string, Path>>): Promise<unknown> => {
  const [name, count] = process.argv.slice(2)
  const path = paths[name!]
  if (path === undefined) throw new Error(`there is no path ${name}; the paths are ${Object.keys(paths).join("; ")}`)
  return Effect.runPromise(path(numbers(Number(count))))
}
