/**
 * Finds and reads texts in files.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { statSync } from "node:fs"
import { basename, extname, join, normalize, resolve, sep } from "node:path"
import { getSystemErrorMessage } from "node:util"

/** The extensions of the files that are looked for in folders. */
export const extensions: ReadonlyArray<string> = [".md", ".markdown", ".mdx", ".txt"]

/** The largest file that is read: 512 KiB, about 80,000 words. A larger file is a log, not a text. */
export const mostBytes = 512 * 1024

/** Returns the path of a text with its size and time of change, or only the path if the file does not exist. */
export const stateOf = (path: string): string => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? resolve(path) : `${resolve(path)} ${found.size} ${found.mtimeMs}`
}

/** Some of the paths do not exist. */
export class NoSuchPath extends Schema.TaggedError<NoSuchPath>("summarise/Texts/NoSuchPath")("NoSuchPath", {
  paths: Schema.NonEmptyArray(Schema.String)
}) {
  override get message(): string {
    return `no such file or folder: ${this.paths.join(", ")}`
  }
}

/** The paths contain no text. */
export class NoTexts extends Schema.TaggedError<NoTexts>("summarise/Texts/NoTexts")("NoTexts", {
  paths: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `no ${extensions.join(", ")} file in ${this.paths.join(", ")}`
  }
}

/** The file or its folder cannot be read. */
export class Unreadable extends Schema.TaggedError<Unreadable>("summarise/Texts/Unreadable")("Unreadable", {
  problem: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `cannot be read: ${this.problem}`
  }
}

/** The file is larger than 512 KiB. */
export class TooLarge extends Schema.TaggedError<TooLarge>("summarise/Texts/TooLarge")("TooLarge", {
  bytes: Schema.Int
}) {
  override get message(): string {
    return `has ${this.bytes.toLocaleString("en")} bytes; the limit is ${mostBytes.toLocaleString("en")}`
  }
}

/** The file is not UTF-8. `offset` is the position of the first invalid byte, counted from 0. */
export class NotUtf8 extends Schema.TaggedError<NotUtf8>("summarise/Texts/NotUtf8")("NotUtf8", {
  offset: Schema.Int
}) {
  override get message(): string {
    return `is not valid UTF-8 at byte ${this.offset}`
  }
}

/** The file is empty, or contains only white space. */
export class Empty extends Schema.TaggedError<Empty>("summarise/Texts/Empty")("Empty", {
  bytes: Schema.Int
}) {
  override get message(): string {
    return this.bytes === 0 ? "is empty" : `contains only white space (${this.bytes} bytes)`
  }
}

/**
 * Finds the texts below some paths.
 *
 * **Details**
 *
 * A folder gives every text below it, sorted by name, folder by folder. A file gives itself, whatever its name is. No
 * path is returned twice. Links to folders are not followed. A folder that cannot be listed gives itself, so that
 * reading it fails with the reason. Fails with `NoSuchPath`, which has all missing paths, and with `NoTexts`.
 */
export const find = Effect.fnUntraced(function*(paths: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const [present, missing] = yield* Effect.partition(paths, (path) => kindOf(fs, path))
  const [first, ...more] = missing
  if (first !== undefined) return yield* new NoSuchPath({ paths: [first, ...more] })
  const found = yield* Effect.forEach(
    present,
    ({ path, type }) => type === "Directory" ? below(fs, path) : Effect.succeed([path])
  )
  return found.flat().length === 0 ? yield* new NoTexts({ paths }) : [...new Set(found.flat())]
})

/** The size of the smallest page worth a summary, in bytes. A shorter page only says where the documentation is. */
const leastBytes = 1024

/**
 * Finds the documentation of installed packages: each `README.md` from 1 KiB to 512 KiB, the longest first.
 *
 * **Details**
 *
 * Leaves out packages inside packages, and links, which would repeat the same text. Fails with `NoTexts`.
 */
export const pages = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  const foldersIn = (path: string) =>
    fs.readDirectoryEntries(path).pipe(
      Effect.map((entries) => entries.filter(({ type }) => type === "Directory").map(({ name }) => join(path, name))),
      Effect.orElseSucceed((): ReadonlyArray<string> => [])
    )
  const top = yield* foldersIn(folder)
  const scoped = yield* Effect.forEach(top.filter((path) => basename(path).startsWith("@")), foldersIn)
  const found = yield* Effect.forEach([...top, ...scoped.flat()], (path) =>
    fs.readDirectoryEntries(path).pipe(
      Effect.map((entries) => entries.find(({ name, type }) => type === "File" && /^readme\.md$/i.test(name))),
      Effect.flatMap((entry) => entry === undefined ? Effect.succeed([]) : sized(fs, join(path, entry.name))),
      Effect.orElseSucceed((): ReadonlyArray<Sized> => [])
    ))
  const long = found.flat().filter(({ size }) => size >= leastBytes && size <= mostBytes)
  if (long.length === 0) return yield* new NoTexts({ paths: [folder] })
  return long.toSorted((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1)).map(({ path }) => path)
})

interface Sized {
  readonly path: string
  readonly size: number
}

const sized = (fs: FileSystem.FileSystem, path: string) =>
  Effect.map(fs.stat(path), ({ size }): ReadonlyArray<Sized> => [{ path, size: Number(size) }])

/**
 * Makes a function that shortens paths: without the folder that all share, and without the name if all are README.md.
 */
export const labels = (paths: ReadonlyArray<string>): (path: string) => string => {
  const [first = [], ...others] = paths.map((path) => path.split(sep))
  const differs = first.findIndex((folder, depth) => others.some((other) => other[depth] !== folder))
  const depth = Math.min(differs === -1 ? Infinity : differs, first.length - 1)
  const areNamedAlike = paths.length > 1 && paths.every((path) => /^readme\.md$/i.test(basename(path)))
  return (path) => path.split(sep).slice(depth, areNamedAlike ? -1 : undefined).join(sep)
}

/**
 * Reads the text in a file.
 *
 * **Details**
 *
 * Decodes UTF-8 and drops a byte order mark. Fails with `Unreadable` (also if the path is not a regular file),
 * `TooLarge`, `NotUtf8` or `Empty`.
 */
export const read = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const { size, type } = yield* fs.stat(path)
  if (type === "Directory") yield* fs.readDirectory(path)
  if (type !== "File") return yield* new Unreadable({ problem: `not a regular file (${type})` })
  if (size > mostBytes) return yield* new TooLarge({ bytes: Number(size) })
  const bytes = yield* fs.readFile(path)
  const text = yield* decode(bytes)
  return text.trim() === "" ? yield* new Empty({ bytes: bytes.length }) : text
}, Effect.catchTag("PlatformError", (cause) => Effect.fail(new Unreadable({ problem: describe(cause), cause }))))

/** Returns a path and its type, or `File` if the type cannot be read. Fails with the path if it does not exist. */
const kindOf = (fs: FileSystem.FileSystem, path: string) =>
  fs.stat(path).pipe(
    Effect.map(({ type }) => ({ path: normalize(path), type })),
    Effect.catch(({ reason }) =>
      reason._tag === "NotFound" ? Effect.fail(path) : Effect.succeed({ path: normalize(path), type: "File" as const })
    )
  )

const below = (fs: FileSystem.FileSystem, folder: string): Effect.Effect<ReadonlyArray<string>> =>
  fs.readDirectoryEntries(folder).pipe(
    Effect.flatMap((entries) =>
      Effect.forEach(entries.toSorted(byName), ({ name, type }) =>
        type === "Directory"
          ? below(fs, join(folder, name))
          : Effect.succeed(extensions.includes(extname(name).toLowerCase()) ? [join(folder, name)] : []))
    ),
    Effect.map((found) => found.flat()),
    Effect.orElseSucceed(() => [folder])
  )

/** Compares by code unit, which gives the same order in every locale. */
const byName = (a: FileSystem.DirectoryEntry, b: FileSystem.DirectoryEntry): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0

const decode = (bytes: Uint8Array): Effect.Effect<string, NotUtf8> =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new NotUtf8({ offset: firstInvalid(bytes) })
  })

/** Returns where a lenient decoder first puts a U+FFFD that the bytes do not contain themselves. */
const firstInvalid = (bytes: Uint8Array): number => {
  let offset = 0
  for (const valid of new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).split("\uFFFD")) {
    offset += Buffer.byteLength(valid)
    const isSpelled = bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd
    if (!isSpelled) break
    offset += 3
  }
  return offset
}

/** Returns the message of the operating system without the path, which the failure already shows. */
const describe = ({ reason }: PlatformError.PlatformError): string => {
  const { errno } = (reason.cause ?? {}) as NodeJS.ErrnoException
  return errno === undefined ? reason.message : getSystemErrorMessage(errno)
}
