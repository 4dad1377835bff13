import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel } from "effect-parallel"
import * as Shutdown from "effect-parallel/platform/Shutdown"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("programs/stops.ts", import.meta.url))

/** A signal, and the output line after which it is sent. */
type Stop = readonly [signal: NodeJS.Signals, at: (lines: ReadonlyArray<string>) => boolean]

const beganMany = (lines: ReadonlyArray<string>): boolean =>
  lines.filter((line) => line.startsWith("began")).length >= 10
const hasAsked = (lines: ReadonlyArray<string>): boolean =>
  lines.some((line) => line.includes("running attempts may end"))

/** Runs the program, sends it signals, and returns its end and its output. */
const stopped = (
  folder: string,
  { drain, how, stops, wait }: {
    readonly how: string
    readonly drain: number
    readonly wait?: number
    readonly stops: ReadonlyArray<Stop>
  }
) =>
  Effect.promise(async () => {
    const said = join(folder, "said")
    rmSync(said, { force: true })
    const child = spawn(
      process.execPath,
      ["--conditions=@effect-parallel/source", program, join(folder, "run.db"), how, String(drain)],
      { stdio: "ignore", env: { ...process.env, SAID: said, WAIT: String(wait ?? 30) } }
    )
    const lines = () => existsSync(said) ? readFileSync(said, "utf8").split("\n").slice(0, -1) : []
    const left = [...stops]
    const poll = setInterval(() => {
      const [next] = left
      if (next === undefined || !next[1](lines())) return
      left.shift()
      child.kill(next[0])
    }, 5)
    const ended = await new Promise<{ readonly code: number | null; readonly signal: string | null }>((resolve) =>
      child.on("close", (code, signal) => resolve({ code, signal }))
    )
    clearInterval(poll)
    return { ...ended, lines: lines() }
  })

const inFolder = (test: (folder: string) => Effect.Effect<void>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-parallel-stops-"))),
    test,
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )

const numbers = (lines: ReadonlyArray<string>, word: string): ReadonlyArray<number> =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(" ")[1]))

// each test has its own process
describe.concurrent("Shutdown.layer", () => {
  for (const [signal, how] of [["SIGINT", "threads"], ["SIGTERM", "fibers"]] as const) {
    it.live(
      `lets attempts end at ${signal}, on ${how}, records them, and says how to go on`,
      () =>
        inFolder((folder) =>
          Effect.gen(function*() {
            const { code, lines } = yield* stopped(folder, { how, drain: 20_000, stops: [[signal, beganMany]] })
            const ended = numbers(lines, "ended")

            assert.strictEqual(code, 130)
            assert.deepStrictEqual(numbers(lines, "interrupted"), [])
            assert.sameMembers([...numbers(lines, "began")], [...ended])
            assert.isBelow(ended.length, 1000)
            assert.include(lines.slice(-2).join(), "main Failure,finalizer")
            const told = lines.find((line) => line.includes("shut down after"))
            assert.match(
              told ?? "",
              /run: shut down after \d+ of the \d+ inputs taken; they are recorded in .*run\.db: run it again/
            )

            const again = yield* stopped(folder, { how, drain: 20_000, stops: [[signal, beganMany]] })
            const known = new Set(ended)
            assert.deepStrictEqual(numbers(again.lines, "began").filter((n) => known.has(n)), [])
          })
        ),
      60_000
    )
  }

  it.live("interrupts inputs that take longer than allowed", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const began: Stop[1] = (lines) => numbers(lines, "began").length === 4
        const { code, lines } = yield* stopped(folder, {
          how: "fibers",
          drain: 100,
          wait: 60_000,
          stops: [["SIGINT", began]]
        })

        assert.strictEqual(code, 130)
        assert.sameMembers([...numbers(lines, "interrupted")], [0, 1, 2, 3])
        assert.strictEqual(lines.at(-1), "finalizer")
      })
    ), 60_000)

  it.live("ends immediately at the second signal", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const began: Stop[1] = (lines) => numbers(lines, "began").length === 4
        const { code, lines } = yield* stopped(folder, {
          how: "fibers",
          drain: 60_000,
          wait: 60_000,
          stops: [["SIGINT", began], ["SIGINT", hasAsked]]
        })
        assert.strictEqual(code, 130)
        assert.notInclude(lines, "finalizer")
      })
    ), 60_000)

  it.live("stops nested runs, and runs without a journal", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const nested = yield* stopped(folder, { how: "nested", drain: 20_000, stops: [["SIGINT", beganMany]] })
        assert.strictEqual(nested.code, 130)
        assert.deepStrictEqual(numbers(nested.lines, "interrupted"), [])
        assert.sameMembers([...numbers(nested.lines, "began")], [...numbers(nested.lines, "ended")])

        const plain = yield* stopped(folder, { how: "plain", drain: 20_000, stops: [["SIGINT", beganMany]] })
        assert.strictEqual(plain.code, 130)
        assert.isTrue(plain.lines.some((line) => line.includes("without a journal, all of them will run again")))
      })
    ), 60_000)

  it.live(
    "starts no input that waits for a limit, and ends a waiting stream of inputs",
    () =>
      inFolder((folder) =>
        Effect.gen(function*() {
          const began: Stop[1] = (lines) => numbers(lines, "began").length === 1
          const limited = yield* stopped(folder, {
            how: "limited",
            drain: 20_000,
            wait: 300,
            stops: [["SIGINT", began]]
          })
          assert.deepStrictEqual(numbers(limited.lines, "began"), [0])
          assert.deepStrictEqual(numbers(limited.lines, "ended"), [0])

          const ended: Stop[1] = (lines) => numbers(lines, "ended").length === 2
          const from = performance.now()
          const waiting = yield* stopped(folder, { how: "waiting", drain: 20_000, stops: [["SIGINT", ended]] })
          assert.strictEqual(waiting.code, 130)
          assert.isBelow(performance.now() - from, 15_000)
        })
      ),
    60_000
  )

  it.live(
    "interrupts a run whose inputs are runs and that has nothing to report",
    () =>
      inFolder((folder) =>
        Effect.gen(function*() {
          const { lines } = yield* stopped(folder, { how: "partition", drain: 20_000, stops: [["SIGINT", beganMany]] })
          assert.include(lines, "main Failure")
          assert.notInclude(lines, "all")
        })
      ),
    60_000
  )

  it.live(
    "waits only a limited time for a journal that does not answer",
    () =>
      inFolder((folder) =>
        Effect.gen(function*() {
          const ended: Stop[1] = (lines) => numbers(lines, "ended").length >= 4
          const { code } = yield* stopped(folder, { how: "hangs", drain: 100, stops: [["SIGINT", ended]] })
          assert.strictEqual(code, 130)
        })
      ),
    60_000
  )

  it.live("restores the handling of signals, even if layers overlap", () =>
    Effect.gen(function*() {
      const before = process.rawListeners("SIGTERM")
      let heard = 0
      process.once("SIGTERM", () => heard++)
      const listeners = process.rawListeners("SIGTERM")
      const run = (millis: number) =>
        Parallel.forEach([1], () => Effect.sleep(millis)).pipe(Effect.provide(Shutdown.layer()))
      yield* Effect.all([run(20), Effect.andThen(Effect.sleep(5), run(40)), Effect.andThen(Effect.sleep(2), run(5))], {
        concurrency: 3
      })
      assert.deepStrictEqual(process.rawListeners("SIGTERM"), listeners)
      process.emit("SIGTERM")
      assert.strictEqual(heard, 1)
      assert.deepStrictEqual(process.rawListeners("SIGTERM"), before)
    }))

  it.live("ends a program by the signal if nothing else would", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const { code, lines, signal } = yield* stopped(folder, {
          how: "promise",
          drain: 20_000,
          stops: [["SIGTERM", beganMany]]
        })

        assert.isTrue(signal === "SIGTERM" || (code === 0 && lines.includes("rejected")), `${code} ${signal}`)
        assert.deepStrictEqual(numbers(lines, "interrupted"), [])
        assert.include(lines, "finalizer")
      })
    ), 60_000)
})
