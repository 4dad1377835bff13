// Resume a program that was killed: it hashes 60 passwords slowly, is killed halfway, and is started again.
//
//   node --conditions=@effect-parallel/source examples/08-resume.ts
//
// The program is resume/main.ts, which runs in a process of its own. SIGKILL ends it after 30 hashes, as on a machine
// that runs out of memory. The second run recalls recorded hashes (`journal: true`) and computes the remaining ones.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("resume/main.ts", import.meta.url))

/** Starts the program, prints its last lines, and kills it after `killAt` hashes. Returns the signal that ended it. */
const life = (file: string, killAt: number) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [...process.execArgv, program, file], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const closed = once(child, "close")
    let hashes = 0
    for await (const line of createInterface(child.stdout)) {
      if (!line.startsWith("hashed")) console.log(line)
      else if (++hashes === killAt) child.kill("SIGKILL")
    }
    const [, signal] = await closed as [number | null, string | null]
    return signal
  })

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "resume-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

Effect.gen(function*() {
  const file = join(yield* folder, "run.db")
  yield* Console.log(`first run:  ended by ${yield* life(file, 30)}`)
  yield* Console.log(`second run: ended by ${(yield* life(file, Infinity)) ?? "itself"}`)
}).pipe(Effect.scoped, NodeRuntime.runMain)
