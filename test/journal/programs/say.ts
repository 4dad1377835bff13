/**
 * Writes lines to a file that a test reads. A line is in the file immediately, and stays there if the program is
 * killed.
 */
import { openSync, writeSync } from "node:fs"

const said = openSync(process.env["SAID"]!, "a")

export const say = (line: string): void => void writeSync(said, `${line}\n`)
