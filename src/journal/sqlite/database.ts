/**
 * The SQLite file of a journal: taken for one program, made, looked at, and opened.
 *
 * Beside it is a lock, which is a file of SQLite too: who has a transaction open in it has the journal. The locks of the file itself
 * would not do, since POSIX gives them up when the program closes any descriptor of it, such as that of a copy it makes.
 */
import { closeSync, openSync, readSync, renameSync, rmSync, type Stats, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { attempt, Problem, problemOf } from "./problems.ts"

/** Version of the format of the file. */
const format = 1

/** Mark of SQLite files that are journals: `EPjl`. */
const applicationId = 0x4550_6a6c

/** The head of a file: numbers of the first row and the last, and the checksum of the last. */
export interface Head {
  readonly format: number
  readonly first: number
  readonly last: number
  readonly checksum: number
}

/** The hold of this program on a journal. */
export class FileLock {
  /** Process that had the journal before, and did not close it. */
  readonly leftBy: number | undefined
  private readonly db: DatabaseSync

  /** Takes the journal of a path; throws a `Problem` if another has it. */
  constructor(path: string) {
    const lock = `${path}.lock`
    makeLock(lock)
    const db = this.db = attempt(() => new DatabaseSync(lock, { timeout: 0 }))
    try {
      db.exec("PRAGMA synchronous = OFF")
      begin(db)
      const owner = ownerOf(db)
      this.leftBy = owner === 0 ? undefined : owner
      this.own(process.pid)
      begin(db)
    } catch (error) {
      const problem = problemOf(error)
      const inUse = problem.fault._tag === "InUse"
      const owner = inUse ? ownerOf(db) : undefined
      closeDatabase(db)
      if (inUse) throw new Problem({ _tag: "InUse", pid: owner === 0 ? undefined : owner })
      if (problem.fault._tag !== "Damaged" && problem.fault._tag !== "NoJournal") throw problem
      throw new Problem({
        _tag: "Damaged",
        record: `its lock, ${lock}`,
        issue: "it is no lock; remove it if no program has the journal"
      })
    }
  }

  /** Gives the journal up. */
  release(): void {
    try {
      this.db.exec("COMMIT")
      begin(this.db)
      this.own(0)
    } catch {
      // the next one is told that this process has left it
    }
    closeDatabase(this.db)
  }

  /** Writes down who has the journal. It is told to others, and nothing depends on it. */
  private own(pid: number): void {
    try {
      this.db.exec(`
        CREATE TABLE IF NOT EXISTS owner (id INTEGER PRIMARY KEY CHECK (id = 0), pid INTEGER NOT NULL);
        INSERT OR REPLACE INTO owner VALUES (0, ${pid});
        COMMIT
      `)
    } catch {
      // a full disk
      if (this.db.isTransaction) this.db.exec("ROLLBACK")
    }
  }
}

/** Makes the file of a lock. One that is there is not opened: to close it would give up the locks that this program has in it. */
const makeLock = (lock: string): void => {
  try {
    closeSync(openSync(lock, "wx", 0o600))
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== "EEXIST") throw problemOf(error)
  }
}

const begin = (db: DatabaseSync): void => db.exec("BEGIN IMMEDIATE")

/** Returns the process that is written down as the owner; 0 for none. */
const ownerOf = (db: DatabaseSync): number | undefined => {
  try {
    const { pid } = db.prepare("SELECT pid FROM owner WHERE id = 0").get() as { readonly pid?: unknown }
    return typeof pid === "number" ? pid : undefined
  } catch {
    return undefined
  }
}

/** Makes an empty journal where there is no file, and looks at one that is there. Throws a `Problem` if that is none. */
export const prepareFile = (path: string): void => {
  const existing = attempt(() => statSync(path, { throwIfNoEntry: false }))
  if (existing === undefined) makeFile(path)
  else check(path, existing)
}

/** Makes an empty journal. It is made under another name, so that a file is never half a journal. */
const makeFile = (path: string): void =>
  attempt(() => {
    const made = `${path}.new`
    // what SQLite kept for a file that was removed would be played into this one
    for (const old of [`${path}-journal`, made, `${made}-journal`]) rmSync(old, { force: true })
    closeSync(openSync(made, "wx", 0o600))
    const db = new DatabaseSync(made)
    try {
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
    } finally {
      db.close()
    }
    renameSync(made, path)
  })

const magic = "SQLite format 3\0"
const headerBytes = 100

/**
 * Looks at the header of a file before SQLite opens it, which might write to it: https://www.sqlite.org/fileformat.html has what is
 * where.
 */
const check = (path: string, stats: Stats): void => {
  if (!stats.isFile()) throw new Problem({ _tag: "NoJournal", issue: "it is no regular file" })
  const header = Buffer.alloc(headerBytes)
  const length = attempt(() => {
    const file = openSync(path, "r")
    try {
      return readSync(file, header, 0, headerBytes, 0)
    } finally {
      closeSync(file)
    }
  })
  const known = header.toString("latin1", 0, Math.min(length, magic.length))
  if (!magic.startsWith(known)) throw new Problem({ _tag: "NoJournal", issue: "it is no file of SQLite" })
  if (length < headerBytes) {
    const issue = length === 0 ? "the file is empty" : "the file ends there"
    throw new Problem({ _tag: "Damaged", record: "its beginning", issue })
  }
  // journals never have a write-ahead log, as version 2 would say
  if (header.readUInt32BE(68) !== applicationId || header[18] !== 1) {
    throw new Problem({ _tag: "NoJournal", issue: "it is another file of SQLite" })
  }
}

/** Opens a file that has been looked at; SQLite rolls back what was left half-written. Throws a `Problem`. */
export const openDatabase = (path: string): DatabaseSync =>
  attempt(() => {
    const db = new DatabaseSync(path, { timeout: 0 })
    try {
      db.exec(`
        PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON;
        BEGIN EXCLUSIVE; COMMIT;
        PRAGMA journal_mode = PERSIST; PRAGMA synchronous = EXTRA
      `)
      const [found] = Object.values(db.prepare("PRAGMA quick_check(1)").get() ?? {})
      if (found !== "ok") throw new Problem({ _tag: "Damaged", record: "a page of the file", issue: String(found) })
      return db
    } catch (error) {
      closeDatabase(db)
      throw error
    }
  })

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
export const closeDatabase = (db: DatabaseSync): void => {
  try {
    db.close()
  } catch {
    // it has failed before, and there is nothing more to lose
  }
}
