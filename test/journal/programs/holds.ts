/** Opens a journal, says so, and keeps it until it is killed. */
import { writeSync } from "node:fs"
import { JournalFile } from "../../../src/journal/sqlite/file.ts"

const file = new JournalFile(process.argv[2]!)
writeSync(1, `${file.path} is open\n`)
// a file that nobody can reach any more is closed by the garbage collector
setInterval(() => file.path, 1000)
