/**
 * Texts in files: which there are, and what is in them.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { statSync } from "node:fs"
import { basename, extname, join, normalize, resolve, sep } from "node:path"
import { getSystemErrorMessage } from "node:util"

/** What the files are called that are looked for in folders. */
export const extensions: ReadonlyArray<string> = [".md", ".markdown", ".mdx", ".txt"]

/** The most bytes of a text that are read: 512 KiB, some 80,000 words. What is larger is a log, not a text. */
export const mostBytes = 512 * 1024

/** A text as it is now: its path, and what changes when somebody writes to it. One that cannot be looked at is its path. */
export const stateOf = (path: string): string => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? resolve(path) : `${resolve(path)} ${found.size} ${found.mtimeMs}`
}

/** A path that was asked for does not exist. */
export class NoSuchPath extends Schema.TaggedError<NoSuchPath>("summarise/Texts/NoSuchPath")("NoSuchPath", {
  paths: Schema.NonEmptyArray(Schema.String)
}) {
  override get message(): string {
    return `no such file or folder: ${this.paths.join(", ")}`
  }
}

/** There is no text below the paths. */
export class NoTexts extends Schema.TaggedError<NoTexts>("summarise/Texts/NoTexts")("NoTexts", {
  paths: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `no ${extensions.join(", ")} file in ${this.paths.join(", ")}`
  }
}

/** The file, or the folder it should be in, cannot be read. */
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
    return `has ${this.bytes.toLocaleString("en")} bytes, at most ${mostBytes.toLocaleString("en")} are read`
  }
}

/** The file is not UTF-8; `offset` is the place, from 0, of the first byte that cannot be. */
export class NotUtf8 extends Schema.TaggedError<NotUtf8>("summarise/Texts/NotUtf8")("NotUtf8", {
  offset: Schema.Int
}) {
  override get message(): string {
    return `is not UTF-8 at byte ${this.offset}`
  }
}

/** The file is empty, or has nothing in it but white space. */
export class Empty extends Schema.TaggedError<Empty>("summarise/Texts/Empty")("Empty", {
  bytes: Schema.Int
}) {
  override get message(): string {
    return this.bytes === 0 ? "is empty" : `has nothing but white space in its ${this.bytes} bytes`
  }
}

/**
 * The texts below some paths.
 *
 * **Details**
 *
 * Shape: a path that is a folder stands for every text below it, sorted by name, folder by folder; a path that is a
 * file for itself, whatever it is called. None comes twice. Links to folders are not followed. A folder that cannot be
 * listed stands for itself, so that reading it tells why. Errors: `NoSuchPath`, with all that are missing, `NoTexts`.
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

/** The least bytes of a page that is worth a summary: what is shorter says where the documentation is. */
const leastBytes = 1024

/**
 * The documentation pages of installed packages: the `README.md` of each that has at least 1 KiB and no more than is read, the longest first.
 *
 * **Details**
 *
 * Errors: `NoTexts`. Packages inside of packages, and links, are left out: they say the same again.
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

/** Returns what tells a text from the others: its path, without the folder that all are in, and without the name if all have one. */
export const labels = (paths: ReadonlyArray<string>): (path: string) => string => {
  const [first = [], ...others] = paths.map((path) => path.split(sep))
  const differs = first.findIndex((folder, depth) => others.some((other) => other[depth] !== folder))
  const depth = Math.min(differs === -1 ? Infinity : differs, first.length - 1)
  const areNamedAlike = paths.length > 1 && paths.every((path) => /^readme\.md$/i.test(basename(path)))
  return (path) => path.split(sep).slice(depth, areNamedAlike ? -1 : undefined).join(sep)
}

/**
 * The text in a file.
 *
 * **Details**
 *
 * Decoded as UTF-8, a byte order mark left out. Errors: `Unreadable` (also for what is no regular file), `TooLarge`,
 * `NotUtf8`, `Empty`.
 */
export const read = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const { size, type } = yield* fs.stat(path)
  if (type === "Directory") yield* fs.readDirectory(path)
  if (type !== "File") return yield* new Unreadable({ problem: `is not a file (${type})` })
  if (size > mostBytes) return yield* new TooLarge({ bytes: Number(size) })
  const bytes = yield* fs.readFile(path)
  const text = yield* decode(bytes)
  return text.trim() === "" ? yield* new Empty({ bytes: bytes.length }) : text
}, Effect.catchTag("PlatformError", (cause) => Effect.fail(new Unreadable({ problem: describe(cause), cause }))))

/** A path and what it is; one that exists and tells nothing more is taken for a file. Fails with a path that does not. */
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

/** By code unit: the same order in every locale. */
const byName = (a: FileSystem.DirectoryEntry, b: FileSystem.DirectoryEntry): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0

const decode = (bytes: Uint8Array): Effect.Effect<string, NotUtf8> =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new NotUtf8({ offset: firstInvalid(bytes) })
  })

/** Where a decoder that is not fatal puts U+FFFD, and the bytes do not spell U+FFFD themselves. */
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

/** What the operating system says, without the path, which the reader of a failure has already. */
const describe = ({ reason }: PlatformError.PlatformError): string => {
  const { errno } = (reason.cause ?? {}) as NodeJS.ErrnoException
  return errno === undefined ? reason.message : getSystemErrorMessage(errno)
}
