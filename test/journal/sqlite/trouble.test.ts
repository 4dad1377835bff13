import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Schema, type Scope } from "effect"
import { Journal, Parallel } from "effect-parallel"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import { execFile, spawn, spawnSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, relative } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Worker } from "node:worker_threads"
import { JournalClient } from "../../../src/journal/sqlite/client.ts"
import { JournalFile } from "../../../src/journal/sqlite/file.ts"
import { range, worked } from "../../helpers.ts"
import { quiet } from "../stores.ts"

const holder = fileURLToPath(new URL("../programs/holds.ts", import.meta.url))

/** A folder for a test. */
const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-parallel-trouble "))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const numbers = (inputs: ReadonlyArray<number>) =>
  Parallel.forEach(inputs, (n) => Effect.succeed(n * 2), { name: "numbers", journal: true })

/** Runs with the journal of a file. */
const withFile = <A, E>(path: string, effect: Effect.Effect<A, E, Journal.Journal>) =>
  quiet(Effect.provide(effect, Sqlite.layer({ path })))

/** Returns the reason for which a journal cannot be opened. */
const refusal = (path: string) =>
  Effect.map(Effect.flip(withFile(path, numbers([1]))), (error) => {
    assert.instanceOf(error, Journal.JournalError)
    assert.strictEqual(error.store, path)
    assert.isUndefined(error.report)
    return error.reason
  })

/** A small file system, if this program may mount one. */
const mounted = (size: string, options = ""): Effect.Effect<string | undefined, never, Scope.Scope> =>
  Effect.flatMap(folder, (folder) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const mount = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}${options}`, "tmpfs", folder])
        return mount.status === 0 ? folder : undefined
      }),
      (mounted) => Effect.sync(() => mounted && spawnSync("umount", ["-l", mounted]))
    ))

const canMount = process.platform === "linux" && process.getuid?.() === 0 &&
  spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0

/** Returns the result of another process that opens the file. */
const tries = (path: string): Promise<string> => {
  const code = `
    import { JournalFile } from ${JSON.stringify(new URL("../../../src/journal/sqlite/file.ts", import.meta.url).href)}
    try { new JournalFile(${
    JSON.stringify(path)
  }); console.log("open") } catch (error) { console.log(error.fault._tag) }
  `
  const args = ["--conditions=@effect-parallel/source", "--input-type=module", "-e", code]
  return promisify(execFile)(process.execPath, args).then(({ stdout }) => stdout.trim())
}

/** Waits until a process has opened the file. */
const held = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, ["--conditions=@effect-parallel/source", holder, path], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      await new Promise((resolve) => child.stdout.once("data", resolve))
      return child
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("a journal in a file", () => {
  it.live("is readable only by its owner, and leaves only its lock and the files of SQLite", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "a b'\"%23ä.db")
      yield* withFile(path, numbers([1]))
      const files = readdirSync(join(path, ".."))

      assert.sameMembers(files.map((file) => file.slice(basename(path).length)), ["", "-journal", ".lock"])
      for (const file of files) assert.strictEqual(statSync(join(path, "..", file)).mode & 0o777, 0o600)
    }).pipe(Effect.scoped))

  it.live("may be named by a relative path, or a link", () =>
    Effect.gen(function*() {
      const at = yield* folder
      const path = join(at, "run.db")
      yield* withFile(relative(process.cwd(), path), numbers([1]))
      symlinkSync(path, join(at, "link.db"))
      const found = yield* withFile(join(at, "link.db"), Journal.inspect)

      assert.deepStrictEqual(found.map(({ recorded }) => recorded), [1])
    }).pipe(Effect.scoped))

  it.live("is refused while another process has it, and taken over after that process was killed", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      const child = yield* held(path)
      const reason = yield* refusal(path)
      assert.instanceOf(reason, Journal.InUse)
      assert.strictEqual(reason.pid, child.pid)
      assert.include(reason.message, `process ${child.pid}`)

      child.kill("SIGKILL")
      yield* Effect.promise(() => new Promise((resolve) => child.once("close", resolve)))
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) =>
        void lines.push(`${logLevel} ${String(message)}`)
      )
      yield* numbers([1]).pipe(Effect.provide(Sqlite.layer({ path }).pipe(Layer.provideMerge(Logger.layer([logger])))))
      assert.match(lines[0]!, new RegExp(`^Warn .*was left open by process ${child.pid}, which has ended`))
    }).pipe(Effect.scoped))

  it.live("is refused to a second layer of the same program, and the first continues", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      const values = yield* withFile(
        path,
        Effect.gen(function*() {
          const reason = yield* refusal(path)
          assert.instanceOf(reason, Journal.InUse)
          assert.strictEqual(reason.pid, process.pid)
          // the attempt above has not released the lock
          const child = yield* Effect.promise(() => tries(path))
          assert.strictEqual(child, "InUse")
          return yield* numbers([1, 2])
        })
      )
      assert.deepStrictEqual(values, [2, 4])
    }).pipe(Effect.scoped))

  it.live("is shared by runs of one layer, sequentially and concurrently", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      yield* withFile(
        path,
        Effect.gen(function*() {
          yield* numbers(range(100))
          yield* Effect.all([numbers(range(200)), numbers(range(300))], { concurrency: 2 })
          assert.deepStrictEqual((yield* Journal.inspect).map(({ recorded }) => recorded), [300])
        })
      )
      const [run] = yield* withFile(path, Journal.inspect)
      assert.strictEqual(run!.recorded, 300)
    }).pipe(Effect.scoped))

  for (
    const [what, make, tag, says] of [
      [
        "text",
        (path: string) => writeFileSync(path, "this is no journal, and it stays as it is"),
        "NoJournal",
        /not a journal/
      ],
      [
        "another file of SQLite",
        (path: string) => {
          const db = new DatabaseSync(path)
          db.exec("CREATE TABLE own (a)")
          db.close()
        },
        "NoJournal",
        /SQLite file of another program/
      ],
      ["empty", (path: string) => writeFileSync(path, ""), "Damaged", /the file is empty/],
      ["one byte", (path: string) => writeFileSync(path, "1"), "NoJournal", /not an SQLite file/],
      [
        "the beginning of a file",
        (path: string) => writeFileSync(path, "SQLite format"),
        "Damaged",
        /the file ends there/
      ],
      ["a folder", (path: string) => mkdirSync(path), "NoJournal", /not a regular file/],
      [
        "a database whose program was killed with a write-ahead log",
        (path: string) => {
          const db = new DatabaseSync(`${path}.own`)
          db.exec("PRAGMA journal_mode = WAL; CREATE TABLE own (a); INSERT INTO own VALUES (1)")
          for (const end of ["", "-wal"]) writeFileSync(`${path}${end}`, readFileSync(`${path}.own${end}`))
          db.close()
        },
        "NoJournal",
        /SQLite file of another program/
      ],
      [
        "of a newer format",
        (path: string) => {
          Effect.runSync(Effect.void)
          const db = new DatabaseSync(path)
          db.exec(
            `PRAGMA application_id = 1162898028; CREATE TABLE head (id, format, first, last, checksum); INSERT INTO head VALUES (0, 7, 1, 0, 0)`
          )
          db.close()
        },
        "NewerFormat",
        /format 7; this version of the library reads formats up to 1/
      ]
    ] as ReadonlyArray<[string, (path: string) => void, string, RegExp]>
  ) {
    it.live(`is refused if it is ${what}, and nothing is written`, () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "run.db")
        make(path)
        const before = statSync(path).isFile() ? readFileSync(path) : undefined
        const reason = yield* refusal(path)

        assert.strictEqual(reason._tag, tag)
        assert.match(reason.message, says)
        if (before !== undefined) assert.deepStrictEqual(readFileSync(path), before)
      }).pipe(Effect.scoped))
  }

  it.live("is refused if its folder does not exist", () =>
    Effect.gen(function*() {
      const reason = yield* refusal(join(yield* folder, "none", "run.db"))
      assert.strictEqual(reason._tag, "StoreFailed")
      assert.match(reason.message, /no such file or directory/)
    }).pipe(Effect.scoped))

  it.live("names the damaged group, when it is opened and when it is read", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      yield* withFile(path, numbers(range(500)))
      const bytes = readFileSync(path)
      const at = bytes.lastIndexOf("\"v\":998")
      bytes[at + 4] = "7".charCodeAt(0)
      writeFileSync(path, bytes)
      const reason = yield* refusal(path)

      assert.instanceOf(reason, Journal.Damaged)
      assert.match(reason.message, /damaged at group \d+: its checksum does not match its bytes/)
    }).pipe(Effect.scoped))

  it.live("refuses only the run whose schemas differ", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      const dates = Parallel.forEach([1], (n) => Effect.succeed(new Date(n)), {
        name: "numbers",
        journal: { success: Schema.Date }
      })
      yield* withFile(path, numbers([1]))
      const error = yield* Effect.flip(withFile(path, dates))
      assert.instanceOf(error.reason, Journal.SchemasDiffer)
      assert.match(
        error.message,
        /other schemas \(success none, error none\) than this run has \(success .*another `version`/
      )
      yield* withFile(path, numbers([1]))
    }).pipe(Effect.scoped))

  it.live("has the records also after a run was interrupted at its start", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      let ran = 0
      const run = Parallel.forEach([1, 2, 3], (n) => Effect.sync(() => (ran++, n)), { name: "run", journal: true })
      yield* withFile(path, run)
      yield* withFile(
        path,
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(run, { startImmediately: true })
          yield* Fiber.interrupt(fiber)
          yield* run
        })
      )
      assert.strictEqual(ran, 3)
    }).pipe(Effect.scoped))

  it.live("is still refused to others after its program has read it, as a copy does", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      yield* withFile(
        path,
        Effect.gen(function*() {
          yield* numbers([1])
          readFileSync(path)
          assert.strictEqual(yield* Effect.promise(() => tries(path)), "InUse")
          yield* numbers([2])
        })
      )
      assert.deepStrictEqual((yield* withFile(path, Journal.inspect)).map(({ recorded }) => recorded), [2])
    }).pipe(Effect.scoped))

  it.live("is created once, even if several programs open it at the same time", () =>
    Effect.gen(function*() {
      const at = yield* folder
      for (let k = 0; k < 10; k++) {
        const path = join(at, `${k}.db`)
        const exits = yield* Effect.all([1, 2, 3].map((n) => Effect.exit(withFile(path, numbers([n])))), {
          concurrency: 3
        })
        assert.isTrue(exits.some(Exit.isSuccess))
        for (const exit of exits) if (Exit.isFailure(exit)) assert.match(String(exit.cause), /it is in use by/)
      }
    }).pipe(Effect.scoped))

  it.live("ignores the files that SQLite left of a removed file", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      const file = new JournalFile(path)
      const { number } = file.begin({ name: "numbers", version: "", schemas: "s" })
      for (let k = 0; k < 20; k++) file.append(number, [{ key: `${k}`, text: "x".repeat(3000), failed: false }])
      const own = file as unknown as { readonly db: DatabaseSync; readonly insert: StatementSync }
      own.db.exec("PRAGMA cache_size = 1; BEGIN IMMEDIATE")
      for (let k = 100; k < 400; k++) own.insert.run(k, Buffer.alloc(3000))
      const hot = readFileSync(`${path}-journal`)
      assert.notStrictEqual(hot[0], 0)
      file.close()
      for (const end of ["", "-journal", ".lock"]) rmSync(`${path}${end}`)
      writeFileSync(`${path}-journal`, hot)

      assert.deepStrictEqual(yield* withFile(path, Effect.andThen(numbers([1, 2]), Journal.inspect)), [
        { name: "numbers", version: "", schemas: "success none, error none", recorded: 2, failed: 0 }
      ])
    }).pipe(Effect.scoped))

  it.live("is refused if the pages for the next record are damaged", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      yield* withFile(path, numbers(range(500)))
      const bytes = readFileSync(path)
      const page = bytes.length - 4096
      // the offset of the cells in a page
      bytes[page + 5]! ^= 1
      writeFileSync(path, bytes)
      assert.instanceOf(yield* refusal(path), Journal.Damaged)
    }).pipe(Effect.scoped))

  it("writes no more after a commit with an unknown result, and is intact when opened again", () => {
    const path = join(mkdtempSync(join(tmpdir(), "effect-parallel-trouble ")), "run.db")
    const id = { name: "run", version: "", schemas: "s" }
    const file = new JournalFile(path)
    const { number } = file.begin(id)
    const own = file as unknown as { readonly db: { exec: (sql: string) => void } }
    const exec = own.db.exec.bind(own.db)
    const append = (key: string) => file.append(number, [{ key, text: "1", failed: false }])
    append("a")
    own.db.exec = (sql) => {
      exec(sql)
      if (sql === "COMMIT") throw Object.assign(new Error("disk I/O error"), { errcode: 1034 })
    }
    assert.throws(() => append("b"), "StoreFailed")
    own.db.exec = exec
    assert.throws(() => append("c"), "StoreFailed")
    file.close()
    const again = new JournalFile(path)
    assert.strictEqual(again.begin(id).recorded, 2)
    again.close()
    rmSync(join(path, ".."), { recursive: true })
  })

  it.live("ends a run whose file is removed or replaced", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      const error = yield* Effect.flip(withFile(
        path,
        Parallel.forEach(range(20), (n) =>
          Effect.sync(() => {
            if (n === 4) rmSync(path)
            return n
          }).pipe(Effect.delay(5)), { name: "run", journal: true, concurrency: 1 })
      ))
      assert.match(String(error), /the file was removed, or replaced by another/)
    }).pipe(Effect.scoped))

  it("is opened quickly with many runs, and compacts away nothing that is needed", () => {
    const path = join(mkdtempSync(join(tmpdir(), "effect-parallel-trouble ")), "run.db")
    const file = new JournalFile(path)
    const own = file as unknown as { readonly db: DatabaseSync }
    own.db.exec("PRAGMA synchronous = OFF")
    for (let k = 0; k < 1500; k++) {
      const { number } = file.begin({ name: `run ${k}`, version: "", schemas: "s" })
      file.append(number, [{ key: "k", text: "x".repeat(1000), failed: false }])
    }
    file.close()
    const from = worked()
    const again = new JournalFile(path)
    assert.strictEqual(again.opened.compacted, undefined)
    assert.isBelow(worked() - from, 1000)
    again.close()
    rmSync(join(path, ".."), { recursive: true })
  })

  it.live("reports the end of its thread, for any current or later request", () =>
    Effect.gen(function*() {
      const client = new JournalClient(join(yield* folder, "run.db"))
      const { worker } = client as unknown as { readonly worker: Worker }
      yield* client.start
      const run = yield* client.open({ name: "run", version: "", schemas: "s" })
      void worker.terminate()
      const ended = [
        yield* Effect.flip(run.get(["a"])),
        yield* Effect.flip(run.append([{ key: "a", text: "1", failed: false }]))
      ]
      for (const error of ended) assert.match(error.message, /its thread has ended/)
      yield* client.close
    }).pipe(Effect.scoped))

  it.live("ends, or continues with correct records, if its file is cut while in use", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      const exit = yield* Effect.exit(withFile(
        path,
        Effect.gen(function*() {
          yield* numbers([1])
          truncateSync(path, 0)
          return yield* numbers(range(100))
        })
      ))
      if (Exit.isFailure(exit)) assert.match(String(exit.cause), /JournalError/)
      else assert.deepStrictEqual(exit.value, range(100).map((n) => n * 2))
    }).pipe(Effect.scoped))

  it.live.skipIf(!canMount)(
    "stops when its disk is full, keeps durable records, and continues when there is space",
    () =>
      Effect.gen(function*() {
        const at = yield* mounted("400k")
        assert.isString(at, "a small file system")
        const path = join(at!, "run.db")
        const texts = (inputs: ReadonlyArray<number>, ran: Array<number>) =>
          Parallel.run(inputs, (n) => Effect.sync(() => (ran.push(n), "x".repeat(5000))), {
            name: "texts",
            journal: true,
            concurrency: 2
          })
        const error = yield* Effect.flip(withFile(path, texts(range(1000), [])))
        assert.instanceOf(error, Journal.JournalError)
        assert.instanceOf(error.reason, Journal.NoSpace)
        const { outcomes } = error.report!
        assert.isBelow(outcomes.length, 1000)

        assert.strictEqual(spawnSync("mount", ["-o", "remount,size=40m", at!]).status, 0)
        const ran: Array<number> = []
        const report = yield* withFile(path, texts(range(1000), ran))
        const known = new Set(outcomes.map(({ input }) => input))
        assert.deepStrictEqual(ran.filter((n) => known.has(n)), [])
        assert.strictEqual(report.values.length, 1000)
      }).pipe(Effect.scoped)
  )

  it.live.skipIf(!canMount)(
    "recalls from a read-only file system without writing",
    () =>
      Effect.gen(function*() {
        const at = yield* mounted("400k")
        const path = join(at!, "run.db")
        yield* withFile(path, numbers([1]))
        const before = readFileSync(path)
        assert.strictEqual(spawnSync("mount", ["-o", "remount,ro", at!]).status, 0)

        assert.deepStrictEqual(yield* withFile(path, numbers([1])), [2])
        const error = yield* Effect.flip(withFile(path, numbers([1, 2])))
        assert.instanceOf((error as Journal.JournalError).reason, Journal.ReadOnly)
        assert.instanceOf(yield* refusal(join(at!, "other.db")), Journal.ReadOnly)
        assert.deepStrictEqual(readFileSync(path), before)
      }).pipe(Effect.scoped)
  )

  it.live("is compacted when half of it is superseded or forgotten, and loses nothing", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      let fails = true
      const texts = (name: string) =>
        Parallel.run(
          range(1000),
          (n) => fails && n % 2 === 0 ? Effect.fail(`${n}`) : Effect.succeed(`${n}`.repeat(50)),
          {
            name,
            journal: true
          }
        )
      yield* withFile(path, Effect.andThen(texts("a"), texts("b")))
      fails = false
      const before = yield* withFile(path, texts("a"))
      const large = statSync(path).size
      yield* withFile(path, Journal.forget("b"))
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      const after = yield* texts("a").pipe(
        Effect.provide(Sqlite.layer({ path }).pipe(Layer.provideMerge(Logger.layer([logger]))))
      )
      assert.match(lines[0]!, /was compacted, from 2503 records to 1001/)
      assert.isBelow(statSync(path).size, large * 0.7)
      assert.deepStrictEqual(after.values, before.values)
      assert.isTrue(after.outcomes.every(({ attempts }) => attempts === 0))
      const names = (yield* withFile(path, Journal.inspect)).map(({ name, recorded }) => [name, recorded])
      assert.deepStrictEqual(names, [["a", 1000]])
    }).pipe(Effect.scoped))

  it.live("keeps a program alive only during a request", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "run.db")
      const program = `
        import { Context, Effect, Layer, Scope } from "effect"
        import { Journal, Parallel } from "effect-parallel"
        import * as Sqlite from "effect-parallel/journal/Sqlite"
        const scope = Scope.makeUnsafe()
        const context = await Effect.runPromise(Layer.buildWithScope(Sqlite.layer({ path: ${
        JSON.stringify(path)
      } }), scope))
        const run = Parallel.forEach([1], (n) => Effect.succeed(n), { name: "run", journal: true })
        console.log(await Effect.runPromise(Effect.provideContext(run, context)))
      `
      const { stderr, stdout } = spawnSync(
        process.execPath,
        ["--conditions=@effect-parallel/source", "--input-type=module", "-e", program],
        { encoding: "utf8", timeout: 30_000 }
      )
      assert.match(stdout, /\[ 1 \]/, stderr)
      assert.strictEqual(stderr, "")
    }).pipe(Effect.scoped))
})
