/**
 * Problems with a file, as plain data that the thread of the file sends to the program.
 */

/** Faults by which a file cannot be used. Each becomes the reason of the same name. */
export type FileFault =
  | { readonly _tag: "SchemasDiffer"; readonly version: string; readonly recorded: string; readonly given: string }
  | { readonly _tag: "Damaged"; readonly record: string; readonly issue: string }
  | { readonly _tag: "NewerFormat"; readonly format: number; readonly known: number }
  | { readonly _tag: "InUse"; readonly pid: number | undefined }
  | { readonly _tag: "NoSpace" }
  | { readonly _tag: "ReadOnly"; readonly issue: string }
  | { readonly _tag: "NoJournal"; readonly issue: string }
  | { readonly _tag: "StoreFailed"; readonly cause: string }

export class Problem extends Error {
  readonly fault: FileFault
  constructor(fault: FileFault) {
    super(fault._tag)
    this.fault = fault
  }
}

/** Makes a problem from an error of SQLite or the file system. */
export const problemOf = (error: unknown): Problem => {
  if (error instanceof Problem) return error
  const { code, errcode, message } = error as {
    readonly code?: unknown
    readonly errcode?: unknown
    readonly message?: unknown
  }
  const issue = typeof message === "string" ? message : String(error)
  return new Problem(
    typeof errcode === "number" ? ofSqlite(errcode, issue) : ofSystem(typeof code === "string" ? code : "", issue)
  )
}

/** Calls a function. What it throws becomes a `Problem`. */
export const attempt = <A>(body: () => A): A => {
  try {
    return body()
  } catch (error) {
    throw problemOf(error)
  }
}
/**
 * Classifies an error of SQLite. The primary result code is in the lowest eight bits
 * (https://www.sqlite.org/rescode.html).
 */
const ofSqlite = (errcode: number, issue: string): FileFault => {
  switch (errcode & 0xff) {
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return { _tag: "InUse", pid: undefined }
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
    case 3: // SQLITE_PERM
      return { _tag: "ReadOnly", issue }
    case 11: // SQLITE_CORRUPT
      return { _tag: "Damaged", record: "a page of the file", issue }
    case 13: // SQLITE_FULL
      return { _tag: "NoSpace" }
    case 26: // SQLITE_NOTADB
      return { _tag: "NoJournal", issue }
    case 1: // SQLITE_ERROR: a table is missing, or a schema cannot be read
      return { _tag: "Damaged", record: "its head", issue }
    default:
      return { _tag: "StoreFailed", cause: issue }
  }
}

const ofSystem = (code: string, issue: string): FileFault => {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return { _tag: "NoSpace" }
    case "EROFS":
    case "EACCES":
    case "EPERM":
      return { _tag: "ReadOnly", issue }
    default:
      return { _tag: "StoreFailed", cause: issue }
  }
}
