import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Schema } from "effect"
import { Report } from "effect-parallel"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** Starts the command in a folder, as a user does. */
const start = (folder: string, args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  const { OPENAI_BASE_URL: _, ...own } = process.env
  const child = spawn(
    process.execPath,
    ["--conditions=@effect-parallel/source", join(root, "examples/summarise/main.ts"), ...args],
    { cwd: folder, env: { ...own, NO_COLOR: "1", ...env }, stdio: ["ignore", "pipe", "pipe"] }
  )
  const texts = Promise.all([child.stdout.toArray(), child.stderr.toArray()])
  const ended = once(child, "close").then(async ([code, signal]) => {
    const [stdout, stderr] = (await texts).map((chunks) => Buffer.concat(chunks).toString())
    return { code, signal, stdout: stdout!, stderr: stderr! }
  })
  return { child, ended }
}

const command = (folder: string, ...args: ReadonlyArray<string>) => Effect.promise(() => start(folder, args).ended)

/** A folder with texts that succeed, and one text for each reason to fail. */
class Fixtures extends Context.Service<Fixtures, { readonly folder: string }>()("test/Fixtures") {
  static readonly layer = Layer.effect(
    Fixtures,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const text =
        "Foxes are small animals. A fox is a small animal that hunts at night. Nobody sees it by day, or hears it."
      yield* fs.makeDirectory(`${folder}/texts/more`, { recursive: true })
      yield* fs.writeFileString(`${folder}/texts/a.md`, `# Foxes\n\n${text}\n`)
      yield* fs.writeFileString(`${folder}/texts/empty.md`, "")
      yield* fs.writeFile(`${folder}/texts/large.txt`, new Uint8Array(600_000))
      yield* fs.writeFile(`${folder}/texts/latin.md`, Uint8Array.of(0x66, 0xfc, 0x72))
      yield* fs.symlink(`${folder}/nowhere.md`, `${folder}/texts/link.md`)
      yield* fs.writeFileString(`${folder}/texts/more/z.txt`, text.replaceAll("fox", "dog").replaceAll("Foxes", "Dogs"))
      yield* fs.writeFileString(`${folder}/texts/short.md`, "Too short.")
      yield* fs.writeFileString(`${folder}/texts/code.ts`, "// no text")
      return { folder }
    })
  )
}

layer(Fixtures.layer.pipe(Layer.provideMerge(NodeFileSystem.layer)), { excludeTestServices: true })(
  "npm start",
  (it) => {
    describe.concurrent("with paths", () => {
      it.effect("with a journal, summarizes only texts that are new or changed", () =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          const { folder } = yield* Fixtures
          const own = yield* fs.makeTempDirectoryScoped()
          yield* fs.copy(`${folder}/texts/more`, `${own}/texts`)
          yield* fs.copyFile(`${folder}/texts/a.md`, `${own}/texts/a.md`)

          const first = yield* command(own, "--journal", "run.db", "texts")
          const second = yield* command(own, "--journal", "run.db", "texts")
          yield* fs.writeFileString(
            `${own}/texts/a.md`,
            "Cats sleep. A cat is a small animal that sleeps all day, and nobody knows why it does so much of it."
          )
          const third = yield* command(own, "--journal", "run.db", "texts")

          assert.match(first.stderr, /2 of 2 texts summarized, 0 failed/)
          assert.match(second.stderr, /2 of 2 texts summarized \(2 recalled\), 0 failed/)
          assert.strictEqual(second.stdout, first.stdout)
          assert.match(third.stderr, /2 of 2 texts summarized \(1 recalled\), 0 failed/)
          assert.match(second.stderr, /summaries: 2 recorded in .*run\.db/)
          assert.strictEqual(third.code, 0)
        }))

      it.effect("prints plain lines in a pipe: summaries on stdout, failures and the report's path on stderr", () =>
        Effect.gen(function*() {
          const { folder } = yield* Fixtures
          const fs = yield* FileSystem.FileSystem

          const { code, stderr, stdout } = yield* command(folder, "texts")

          const said = stderr.trimEnd().split("\n")
          const file = /^The report is in (.*)$/.exec(said.at(-1)!)![1]!
          assert.deepStrictEqual(stdout.split("\n"), [
            "texts/a.md\t22\tA fox is a small animal that hunts at night.",
            "texts/more/z.txt\t22\tA dog is a small animal that hunts at night.",
            ""
          ])
          assert.deepStrictEqual(said.slice(-13, -3), [
            "✗ Empty × 1",
            "  texts/empty.md: is empty",
            "✗ TooLarge × 1",
            "  texts/large.txt: has 600,000 bytes; the limit is 524,288",
            "✗ NotUtf8 × 1",
            "  texts/latin.md: is not valid UTF-8 at byte 1",
            "✗ Unreadable × 1",
            "  texts/link.md: cannot be read: no such file or directory",
            "✗ TooShort × 1",
            "  texts/short.md: has 1 sentence and 2 words of prose; a summary needs at least 2 and 20"
          ])
          assert.match(said.at(-3)!, /^2 of 7 texts summarized, 5 failed, in /)
          assert.strictEqual(said.at(-2), "npm start -- --watch shows the run in a browser")
          assert.include(yield* fs.readFileString(file), "<title>summaries</title>")
          assert.strictEqual(code, 0)
        }))

      it.effect.each([
        ["async", "concurrency 8"],
        ["threads", "on 2 threads"],
        ["processes", "on 2 processes"]
      ])("ranks sentences on %s as well", ([backend, place]) =>
        Effect.gen(function*() {
          const { folder } = yield* Fixtures

          const { code, stderr, stdout } = yield* command(folder, "texts", "--backend", backend!, "--workers", "2")

          assert.include(stderr, `Summarizing by ranking sentences, ${place}`)
          assert.include(stdout, "A fox is a small animal that hunts at night.")
          assert.include(stderr, "2 of 7 texts summarized, 5 failed")
          assert.strictEqual(code, 0)
        }))

      it.effect("writes a report: a page, or JSON", () =>
        Effect.gen(function*() {
          const { folder } = yield* Fixtures
          const fs = yield* FileSystem.FileSystem

          const reported = (file: string) => command(folder, "texts", "--report", file)
          const [{ stderr }, , { code }] = yield* Effect.all(
            [reported("run.html"), reported("run.json"), reported("nowhere/run.html")],
            { concurrency: 3 }
          )

          const json = yield* Schema.decodeEffect(Schema.fromJsonString(Report.Json))(
            yield* fs.readFileString(`${folder}/run.json`)
          )
          assert.include(stderr, "The report is in run.html")
          assert.include(yield* fs.readFileString(`${folder}/run.html`), "<title>summaries</title>")
          assert.deepInclude(json.tally, { total: 7, failed: 5 })
          assert.strictEqual(json.outcomes[0]!.input, "texts/a.md")
          assert.strictEqual(code, 1)
        }))

      it.effect("exits with 1 when its budget of failures is used up, and shows what was done", () =>
        Effect.gen(function*() {
          const { folder } = yield* Fixtures

          const { code, stderr, stdout } = yield* command(folder, "texts", "--max-errors", "2", "--concurrency", "1")

          assert.strictEqual(code, 1)
          assert.include(stdout, "A fox is a small animal that hunts at night.")
          assert.include(stderr, "✗ Empty × 1\n  texts/empty.md: is empty\n✗ TooLarge × 1\n  texts/large.txt")
          assert.include(stderr, "stopped after 2 failed texts (--max-errors 2): 3 of 7 texts were done")
        }))

      it.effect("exits with 1 when no text was summarized", () =>
        Effect.gen(function*() {
          const { folder } = yield* Fixtures

          const { code, stderr } = yield* command(folder, "texts/short.md")

          assert.strictEqual(code, 1)
          assert.include(stderr, "✗ TooShort × 1\n  texts/short.md")
          assert.include(stderr, "no text was summarized (0 of 1)")
        }))
    })

    describe.concurrent("with a wrong command line", () => {
      const wrong: ReadonlyArray<readonly [args: string, message: string]> = [
        ["texts --concurrency 0", "Invalid value for flag --concurrency: \"0\". Expected: a positive integer"],
        [
          "texts --backend cloud",
          "Invalid value for flag --backend: \"cloud\". Expected: \"async\" | \"threads\" | \"processes\""
        ],
        ["texts --workers 0", "Invalid value for flag --workers: \"0\". Expected: an integer other than 0"],
        ["texts --timeout soon", "Invalid value for flag --timeout: \"soon\". Expected: a duration above 0"],
        ["texts --max-error 3", "Unrecognized flag: --max-error"],
        ["texts nowhere neither.md", "no such file or folder: nowhere, neither.md"]
      ]

      it.effect.each(wrong)("%s is a clear error, and nothing starts", ([args, message]) =>
        Effect.gen(function*() {
          const { folder } = yield* Fixtures

          const { code, stderr } = yield* command(folder, ...args.split(" "))

          assert.strictEqual(code, 1)
          assert.include(stderr, message)
          assert.isBelow(stderr.split("\n").length, 10, "the error is on the screen")
          assert.notInclude(stderr, "Summarizing")
        }))
    })

    it.effect("exits immediately with 130 on Ctrl-C, says how many were done, and closes its requests", () =>
      Effect.gen(function*() {
        const { folder } = yield* Fixtures
        const server = yield* Effect.acquireRelease(
          Effect.promise(async () => {
            const server = createServer()
            server.listen(0, "127.0.0.1")
            await once(server, "listening")
            return server
          }),
          (server) => Effect.sync(() => server.close())
        )
        const asked = once(server, "request")
        const { child, ended } = start(folder, ["texts"], {
          OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
          OPENAI_API_KEY: "sk-never-to-be-seen"
        })

        const [request] = (yield* Effect.promise(() => asked)) as [IncomingMessage]
        const closed = new Promise((resolve) => request.socket.on("close", resolve))
        const from = performance.now()
        child.kill("SIGINT")
        const { code, signal, stderr, stdout } = yield* Effect.promise(() => ended)

        // waiting for the request would have taken much longer
        assert.isBelow(performance.now() - from, 20_000)
        assert.deepStrictEqual([code, signal], [130, null])
        assert.match(stderr, /summaries interrupted: \d of 7/)
        assert.include(stderr, "With --journal run.db, the same command continues a stopped run")
        assert.notInclude(stdout + stderr, "sk-never")
        yield* Effect.promise(() => closed)
      }))

    it.effect("prints the version of the package with --version", () =>
      Effect.gen(function*() {
        const { folder } = yield* Fixtures
        const fs = yield* FileSystem.FileSystem
        const { version } = JSON.parse(yield* fs.readFileString(join(root, "package.json"))) as {
          readonly version: string
        }

        const { code, stdout } = yield* command(folder, "--version")

        assert.deepStrictEqual([code, stdout.trim()], [0, `summarise v${version}`])
      }))

    it.effect("serves the run and its report with --watch, until Ctrl-C", () =>
      Effect.gen(function*() {
        const { folder } = yield* Fixtures
        const { child, ended } = start(folder, ["texts", "--watch"])
        let said = ""
        yield* Effect.promise(() =>
          new Promise<void>((resolve) => {
            child.stderr.on("data", (data: Buffer) => {
              said += data.toString()
              if (said.includes("The page is served until Ctrl-C")) resolve()
            })
          })
        )
        const url = /dashboard: (\S+)/.exec(said)![1]!
        const page = yield* Effect.promise(() => fetch(url))
        const report = new URL(url)
        report.pathname = "/reports/0"
        const { tally } = yield* Effect.promise(async () => (await fetch(report)).json() as Promise<Report.Json>)
        child.kill("SIGINT")
        const { code } = yield* Effect.promise(() => ended)

        assert.deepStrictEqual([page.status, tally.total, tally.failed, code], [200, 7, 5, 130])
      }))
  }
)
