// Shows the records of a journal, or forgets some of them: `npm run journal -- run.db [forget name [version]]`.
import { Journal } from "effect-parallel"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"

const [path, command, name, version] = process.argv.slice(2)

const usage = "npm run journal -- <file> [forget <name> [<version>]]"

const show = Effect.map(Journal.inspect, (runs) => {
  if (runs.length === 0) console.log("nothing is recorded")
  for (const run of runs) {
    const of = run.version === "" ? "" : `, version ${run.version}`
    console.log(`${run.name}${of}: ${run.recorded} recorded, ${run.failed} of them failed (${run.schemas})`)
  }
})

if (path === undefined || (command !== undefined && (command !== "forget" || name === undefined))) {
  console.error(usage)
  process.exitCode = 1
} else if (existsSync(path)) {
  const forget = command === undefined ? Effect.void : Journal.forget(name!, version)
  const program = Effect.andThen(forget, show).pipe(
    Effect.provide(Sqlite.layer({ path })),
    Effect.catchTag("JournalError", ({ message }) =>
      Effect.sync(() => {
        console.error(message)
        process.exitCode = 1
      }))
  )
  await Effect.runPromise(program)
} else {
  // the layer would create the file
  console.error(`there is no file ${path}`)
  process.exitCode = 1
}
