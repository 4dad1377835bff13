import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

/** Runs an example as its readers do, waits until its process has exited, and returns the lines that it printed. */
export const run = (example: string, ...args: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.callback((resume, signal) => {
    const file = fileURLToPath(new URL(`../../examples/${example}`, import.meta.url))
    const argv = ["--conditions=@effect-parallel/source", file, ...args]
    execFile(process.execPath, argv, { signal }, (error, stdout, stderr) =>
      resume(
        error === null && stderr === "" ? Effect.succeed(stdout.trimEnd().split("\n")) : Effect.die(error ?? stderr)
      ))
  })
