/** Opens a journal, prints that, and keeps it until it is killed. */
import { writeSync } from "node:fs"
import { JournalFile } from "../../../src/journal/sqlite/file.ts"

const file = new JournalFile(process.argv[2]!)
writeSync(1, `${file.path} is open\n`)
// the garbage collector would close a file that is not reachable any more
setInterval(() => file.path, 1000)
