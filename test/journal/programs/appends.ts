/** Appends groups of records to a journal until it is killed. Prints which groups are durable. */
import { writeSync } from "node:fs"
import { JournalFile } from "../../../src/journal/sqlite/file.ts"

const file = new JournalFile(process.argv[2]!)
const run = file.begin({ name: "run", version: "", schemas: "none" })
for (let group = 0;; group++) {
  file.append(
    run.number,
    Array.from({ length: 1 + group % 5 }, (_, k) => ({
      key: `key ${group} ${k}`,
      text: `${group}/${k} ${"x".repeat(20 * (group % 7))}`,
      failed: k === 3
    }))
  )
  writeSync(1, `${group}\n`)
}
