/**
 * The SQLite file of a journal: locked for one program, created, checked, and opened.
 *
 * Beside it is a lock, which is an SQLite file too: the program that has a transaction open in it has the journal. The
 * locks of the journal file itself would not do, since POSIX releases them when the program closes any descriptor of
 * that file, such as that of a copy it makes.
 */
import { closeSync, openSync, readSync, renameSync, rmSync, type Stats, statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { attempt, Problem, problemOf } from "./problems.ts"

/** Version of the format of the file. */
const format = 1

/** Mark of SQLite files that are journals: `EPjl`. */
const applicationId = 0x4550_6a6c

/** The head of a file: numbers of the first and the last row, and the checksum of the last. */
export interface Head {
  readonly format: number
  readonly first: number
  readonly last: number
  readonly checksum: number
}

/** The lock of this program on a journal. */
export class FileLock {
  /** Process that had the journal before and did not close it. */
  readonly leftBy: number | undefined
  private readonly db: DatabaseSync

  /** Locks the journal at a path. Throws a `Problem` if another program has it. */
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
        issue: "it is not a lock file; remove it if no program uses the journal"
      })
    }
  }

  /** Releases the journal. */
  release(): void {
    try {
      this.db.exec("COMMIT")
      begin(this.db)
      this.own(0)
    } catch {
      // the next program will see that this process has not closed it
    }
    closeDatabase(this.db)
  }

  /** Writes the owner of the journal. It is shown to others, and nothing depends on it. */
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

/**
 * Creates the file of a lock. An existing one is not opened: closing it would release the locks that this program has
 * in it.
 */
const makeLock = (lock: string): void => {
  try {
    closeSync(openSync(lock, "wx", 0o600))
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== "EEXIST") throw problemOf(error)
  }
}

const begin = (db: DatabaseSync): void => db.exec("BEGIN IMMEDIATE")

/** Returns the process that is written as the owner, or 0 for none. */
const ownerOf = (db: DatabaseSync): number | undefined => {
  try {
    const { pid } = db.prepare("SELECT pid FROM owner WHERE id = 0").get() as { readonly pid?: unknown }
    return typeof pid === "number" ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * Creates an empty journal if there is no file, and checks an existing one. Throws a `Problem` if that is not a
 * journal.
 */
export const prepareFile = (path: string): void => {
  const existing = attempt(() => statSync(path, { throwIfNoEntry: false }))
  if (existing === undefined) makeFile(path)
  else check(path, existing)
}

/** Creates an empty journal. It is created under another name, so that a file is never half a journal. */
const makeFile = (path: string): void =>
  attempt(() => {
    const made = `${path}.new`
    // SQLite would apply what it kept for a file that was removed to this one
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
 * Checks the header of a file before SQLite opens it, since opening it might write to it. The layout is described at
 * https://www.sqlite.org/fileformat.html.
 */
const check = (path: string, stats: Stats): void => {
  if (!stats.isFile()) throw new Problem({ _tag: "NoJournal", issue: "it is not a regular file" })
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
  if (!magic.startsWith(known)) throw new Problem({ _tag: "NoJournal", issue: "it is not an SQLite file" })
  if (length < headerBytes) {
    const issue = length === 0 ? "the file is empty" : "the file ends there"
    throw new Problem({ _tag: "Damaged", record: "its beginning", issue })
  }
  // journals never have a write-ahead log, which version 2 would mean
  if (header.readUInt32BE(68) !== applicationId || header[18] !== 1) {
    throw new Problem({ _tag: "NoJournal", issue: "it is an SQLite file of another program" })
  }
}

/** Opens a file that has been checked. SQLite rolls back what was left half-written. Throws a `Problem`. */
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

/** Reads the head of a file. Throws a `Problem` if this version cannot read it. */
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

/** Closes a file, even one that has failed. */
export const closeDatabase = (db: DatabaseSync): void => {
  try {
    db.close()
  } catch {
    // it has failed before, and there is nothing more to lose
  }
}
