import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { range } from "../../helpers.ts"
import { kinds, until, withFile } from "../workerKinds.ts"

const nodeArgs = (name: string, args: ReadonlyArray<string>) => [
  "--conditions=@effect-parallel/source",
  fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url)),
  ...args
]

const program = (name: string, args: ReadonlyArray<string>, options: { readonly detached?: boolean } = {}) =>
  spawn(process.execPath, nodeArgs(name, args), { stdio: ["ignore", "pipe", "pipe"], ...options })

/** Starts a program that may have at most this many open files. */
const withFewFiles = (files: number, name: string, args: ReadonlyArray<string>) =>
  spawn(
    "sh",
    ["-c", `ulimit -n ${files} && exec "$0" "$@"`, process.execPath, ...nodeArgs(name, args)],
    { stdio: ["ignore", "pipe", "pipe"] }
  )

/** Waits for a program to end. */
const ended = (child: ChildProcess) =>
  Effect.callback<{ readonly code: number | null; readonly text: string }>((resume) => {
    let text = ""
    child.stdout!.on("data", (chunk: Buffer) => text += chunk.toString())
    child.stderr!.on("data", (chunk: Buffer) => text += chunk.toString())
    child.on("close", (code) => resume(Effect.succeed({ code, text })))
  })

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(execFileSync("cat", [`/proc/${pid}/status`], { encoding: "utf8" }))
  } catch {
    return false
  }
}

for (const kind of kinds) {
  describe(`a program with ${kind.name}`, () => {
    it.live("starts no worker before there is work, and ends although its workers are idle", () =>
      Effect.gen(function*() {
        const { code, text } = yield* ended(program("idle", [kind.name]))
        const [imported, built, ran] = text.trim().split("\n").map((line) => JSON.parse(line))

        assert.strictEqual(code, 0)
        assert.deepStrictEqual(imported.resources.filter((name: string) => !/^(TTY|Pipe|FSReq|TCP)/.test(name)), [])
        assert.deepStrictEqual({ ...built, when: "" }, { ...imported, when: "" })
        assert.strictEqual(ran.when, "ran 2,3")
      }))

    it.live("fails only inputs when no more files can be opened; later runs succeed", () =>
      Effect.gen(function*() {
        for (const left of [2, 8, 12]) {
          const { code, text } = yield* ended(withFewFiles(128, "fewFiles", [kind.name, `${left}`]))
          const { after, settled } = JSON.parse(text)

          assert.strictEqual(code, 0)
          assert.strictEqual(settled, 3)
          assert.deepStrictEqual(after, [2, 3, 4])
        }
      }))

    it.live("prints whole lines, also right before it exits", () =>
      Effect.gen(function*() {
        const child = program("prints", [kind.name])
        const { text } = yield* ended(child)
        const lines = text.trim().split("\n")

        assert.deepStrictEqual(
          lines,
          range(2).flatMap(() => range(500).map((n) => `line ${n} ${"é".repeat(20)}`))
        )
      }))
  })
}

describe("worker processes", () => {
  for (const how of ["hang", "spin"]) {
    it.live(`end when their program is killed, also those that ${how}`, () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          const child = program("endless", [file, how])
          yield* until(() => new Set(lines()).size >= 2)
          const pids = [...new Set(lines())].map((line) => Number(line.split(".")[0]))
          child.kill("SIGKILL")
          yield* until(() => !pids.some(isAlive))

          assert.strictEqual(pids.length, 2)
        })
      ))
  }

  it.live("leave the signals of the terminal to their program", () =>
    withFile((file, lines) =>
      Effect.gen(function*() {
        const child = program("endless", [file, "heeds"], { detached: true })
        const end = yield* Effect.forkChild(ended(child), { startImmediately: true })
        yield* until(() => new Set(lines()).size >= 2)
        const pids = [...new Set(lines())].map((line) => Number(line.split(".")[0]))
        process.kill(-child.pid!, "SIGINT")
        const { code, text } = yield* Fiber.join(end)

        assert.strictEqual(code, 0)
        assert.strictEqual(text, "")
        assert.isFalse(pids.some(isAlive))
      })
    ))
})
