/**
 * The SQLite file of a journal: made, opened, and taken for one program.
 */
import { closeSync, linkSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { attempt, Problem, problemOf } from "./problems.ts"

/** Version of the format of the file. */
export const format = 1

/** Mark of SQLite files that are journals: `EPjl`. */
const applicationId = 0x4550_6a6c

/** The head of a file: numbers of the first row and the last, and the checksum of the last. */
export interface Head {
  readonly format: number
  readonly first: number
  readonly last: number
  readonly checksum: number
}

/** Makes an empty journal where there is no file. It is made elsewhere, so that a file is never half a journal. */
export const makeFile = (path: string): void => {
  const existing = attempt(() => statSync(path, { throwIfNoEntry: false }))
  if (existing !== undefined) {
    if (existing.size === 0) throw new Problem({ _tag: "Damaged", record: "its beginning", issue: "the file is empty" })
    return
  }
  const made = `${path}.new-${process.pid}`
  attempt(() => {
    closeSync(openSync(made, "w", 0o600))
    try {
      const db = new DatabaseSync(made)
      db.exec(`
        PRAGMA journal_mode = DELETE;
        PRAGMA application_id = ${applicationId};
        CREATE TABLE head (
          id INTEGER PRIMARY KEY CHECK (id = 0),
          format INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, checksum INTEGER NOT NULL
        );
        CREATE TABLE log (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
        INSERT INTO head VALUES (0, ${format}, 1, 0, 0);
      `)
      db.close()
      linkSync(made, path)
    } finally {
      rmSync(made, { force: true })
    }
  })
}

/** Returns the path of the file that says which process has a journal. */
export const lockOf = (path: string): string => `${path}.lock`

/** Opens a file, without a look at it. */
export const openDatabase = (path: string): DatabaseSync => {
  const db = new DatabaseSync(path, { timeout: 0 })
  db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON")
  return db
}

/**
 * Takes the file for this program, which also rolls back what another has left half-written. Returns the process that had it before
 * and has ended without closing it.
 */
export const take = (db: DatabaseSync, path: string): number | undefined => {
  const owner = ownerOf(lockOf(path))
  try {
    db.exec("BEGIN EXCLUSIVE; COMMIT")
  } catch (error) {
    const problem = problemOf(error)
    throw problem.fault._tag === "InUse" ? new Problem({ _tag: "InUse", pid: owner }) : problem
  }
  const id = Object.values(db.prepare("PRAGMA application_id").get() ?? {})[0]
  if (id !== applicationId) throw new Problem({ _tag: "NoJournal", issue: "it is another file of SQLite" })
  db.exec("PRAGMA journal_mode = PERSIST; PRAGMA synchronous = EXTRA")
  return owner
}

/** Says that this process has a file. */
export const own = (path: string): void => writeFileSync(lockOf(path), `${process.pid}\n`, { mode: 0o600 })

const ownerOf = (lock: string): number | undefined => {
  try {
    const pid = Number(readFileSync(lock, "utf8"))
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Reads the head of a file; throws a `Problem` if it is not one that this version can read. */
export const readHead = (db: DatabaseSync): Head => {
  const head = attempt(() => db.prepare("SELECT format, first, last, checksum FROM head WHERE id = 0").get()) as
    | Head
    | undefined
  if (head === undefined || !Object.values(head).every((each) => Number.isSafeInteger(each) && each >= 0)) {
    throw new Problem({ _tag: "Damaged", record: "its head", issue: "it is not what was written" })
  }
  if (head.format > format) throw new Problem({ _tag: "NewerFormat", format: head.format, known: format })
  if (head.format < 1) throw new Problem({ _tag: "Damaged", record: "its head", issue: "it has no format" })
  return head
}

/** Closes a file, however it has failed. */
export const close = (db: DatabaseSync): void => {
  try {
    db.close()
  } catch {
    // it has failed before, and there is nothing more to lose
  }
}
