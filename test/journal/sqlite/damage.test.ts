import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { JournalFile } from "../../../src/journal/sqlite/file.ts"
import { GrowingKeyTable, hashOf, KeyTable } from "../../../src/journal/sqlite/keyTable.ts"
import { Problem } from "../../../src/journal/sqlite/problems.ts"

/** Number of bits that are flipped in each file, and step between the lengths to which it is cut. */
const flips = Number(process.env["JOURNAL_FLIPS"] ?? 80)
const step = Number(process.env["JOURNAL_STEP"] ?? 257)

/** Records by key. */
type Records = ReadonlyMap<string, string>

const group = (n: number) =>
  Array.from({ length: 1 + n % 5 }, (_, k) => ({
    key: `key ${n} ${k}`,
    text: `${n}/${k} ${"x".repeat(20 * (n % 7))}`,
    failed: k === 3
  }))

const recordsOf = (groups: number): Records =>
  new Map(Array.from({ length: groups }, (_, n) => group(n)).flat().map(({ key, text }) => [key, text]))

/** Returns the records of keys. Throws a `Problem`. */
const readAll = (path: string, keys: Iterable<string>): Records => {
  const file = new JournalFile(path)
  try {
    const run = file.begin({ name: "run", version: "", schemas: "none" })
    const table = new GrowingKeyTable(run.table ?? new KeyTable())
    const found = new Map<string, string>()
    for (const key of keys) {
      const text = file.read(key, table.find(hashOf(key)))
      if (text !== undefined) found.set(key, text)
    }
    return found
  } finally {
    file.close()
  }
}

/** Runs a test in a folder with a journal, whose file has this path. */
const withFolder = (test: (path: string) => Promise<void>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-parallel-damage-"))),
    (folder) => Effect.promise(() => test(join(folder, "run.db"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )

/** Makes a journal that was closed. */
const closedJournal = (path: string, groups: number): Records => {
  const file = new JournalFile(path)
  const { number } = file.begin({ name: "run", version: "", schemas: "none" })
  for (let n = 0; n < groups; n++) file.append(number, group(n))
  file.close()
  return recordsOf(groups)
}

/** Makes a journal whose program was killed at some time. Returns the records that were durable by then. */
const killedJournal = async (path: string, groups: number): Promise<Records> => {
  const program = fileURLToPath(new URL("../programs/appends.ts", import.meta.url))
  const child = spawn(process.execPath, ["--conditions=@effect-parallel/source", program, path], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let last = -1
  child.stdout.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString().trim().split("\n")) last = Number(line)
    if (last >= groups) child.kill("SIGKILL")
  })
  await new Promise((resolve) => child.on("close", resolve))
  return recordsOf(last + 1)
}

/**
 * Damages each file of a journal in each of these ways and reads it. Every durable record must come back unchanged, or
 * reading must report a problem. Returns the counts of both.
 */
const spoil = (path: string, durable: Records, ways: (size: number) => Iterable<(file: string) => void>) => {
  const folder = join(path, "..")
  const files = readdirSync(folder).filter((name) => !name.endsWith(".lock"))
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }))
  const copy = mkdtempSync(join(folder, "copy-"))
  const counts: Record<string, number> = { whole: 0 }
  for (const { bytes, name } of files) {
    for (const way of ways(bytes.length)) {
      for (const left of readdirSync(copy)) rmSync(join(copy, left))
      for (const { bytes, name } of files) writeFileSync(join(copy, name), bytes)
      way(join(copy, name))
      try {
        const found = readAll(join(copy, "run.db"), durable.keys())
        assert.deepStrictEqual(found, durable, `in ${name}`)
        counts["whole"]!++
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        counts[error.fault._tag] = (counts[error.fault._tag] ?? 0) + 1
      }
    }
  }
  return counts
}

/** Flips bits throughout a file. */
function* flipped(size: number): Generator<(file: string) => void> {
  let random = 12345
  for (let k = 0; k < flips; k++) {
    random = Math.imul(random, 1_103_515_245) + 12_345 >>> 0
    const bit = Math.floor(random / 2 ** 32 * size * 8)
    yield (file) => {
      const bytes = readFileSync(file)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      writeFileSync(file, bytes)
    }
  }
}

/** Cuts a file to several lengths. */
function* cut(size: number): Generator<(file: string) => void> {
  for (let length = 0; length < size; length += step) yield (file) => truncateSync(file, length)
  for (let back = 1; back <= Math.min(size, 8); back++) yield (file) => truncateSync(file, size - back)
}

describe("the file of a journal", () => {
  for (
    const [state, make] of [
      ["was closed", (path: string) => Promise.resolve(closedJournal(path, 60))],
      ["was killed", (path: string) => killedJournal(path, 60)]
    ] as const
  ) {
    it.live(`never gives a wrong value when bits flip, after its program ${state}`, () =>
      withFolder(async (path) => {
        const counts = spoil(path, await make(path), flipped)
        assert.isAbove(counts["Damaged"] ?? 0, 0)
        assert.isAbove(counts["whole"]!, 0)
      }), 1_800_000)

    it.live(
      `lacks nothing without a word when it is cut, after its program ${state}`,
      () =>
        withFolder(async (path) => {
          const durable = await make(path)
          const size = statSync(path).size
          const counts = spoil(path, durable, cut)
          const refused = (counts["Damaged"] ?? 0) + (counts["NoJournal"] ?? 0)
          // records that a killed program has not committed may be missing; otherwise every byte of the file is needed
          assert.isAtLeast(refused, state === "was killed" ? 1 : Math.floor(size / step))
        }),
      1_800_000
    )
  }
})
