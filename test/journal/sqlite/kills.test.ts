import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** Number of kills. By default there are fewer on threads, because such programs take longer to start. */
const stated = process.env["JOURNAL_KILLS"]
const killsOn = (backend: string): number => Number(stated ?? (backend === "threads" ? 2 : 5))
const inputs = 2000
const program = fileURLToPath(new URL("../programs/resumes.ts", import.meta.url))

/** The output of a program in one life. */
interface Life {
  readonly began: ReadonlyArray<number>
  readonly reported: ReadonlyMap<number, string>
  readonly logged: ReadonlyArray<string>
  readonly done: boolean
}

/** Runs the program, and kills it after it has reported this many new outcomes. */
const live = async (
  folder: string,
  backend: string,
  known: ReadonlyMap<number, string>,
  killAt: number
): Promise<Life> => {
  const said = join(folder, "said")
  rmSync(said, { force: true })
  const child = spawn(
    process.execPath,
    ["--conditions=@effect-parallel/source", program, join(folder, "run.db"), String(inputs), backend],
    { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, SAID: said } }
  )
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()))
  const poll = setInterval(() => {
    const { reported } = lifeOf(said)
    if ([...reported.keys()].filter((index) => !known.has(index)).length >= killAt) child.kill("SIGKILL")
  }, 5)
  await ended
  clearInterval(poll)
  return lifeOf(said)
}

/** Reads the output of a program. */
const lifeOf = (file: string): Life => {
  const began: Array<number> = []
  const reported = new Map<number, string>()
  const logged: Array<string> = []
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []
  for (const line of lines) {
    const [what, index, ...came] = line.split(" ")
    if (what === "began") began.push(Number(index))
    else if (what === "log") logged.push(line)
    else if (what === "reported") {
      assert.isFalse(reported.has(Number(index)), `${line}, for the second time`)
      reported.set(Number(index), came.join(" "))
    }
  }
  return { began, reported, logged, done: lines.at(-1) === "done" }
}

const expected = (n: number): string => n % 100 === 99 ? `odd ${n}` : `${n} ${n * 1000}`

describe("a program that is killed again and again", () => {
  for (const backend of ["fibers", "threads"]) {
    it.live(
      `goes on where it was, on ${backend}: nothing wrong, nothing that was reported runs again`,
      () =>
        Effect.acquireUseRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-parallel-kills-"))),
          (folder) =>
            Effect.promise(async () => {
              const kills = killsOn(backend)
              const known = new Map<number, string>()
              for (let life = 0;; life++) {
                const most = Math.max(1, Math.floor(2 * (inputs - known.size) / (kills - life + 2)))
                const killAt = life < kills ? 1 + Math.floor(Math.random() * most) : Infinity
                const { began, done, logged, reported } = await live(folder, backend, known, killAt)
                const again = began.filter((n) => known.has(n))

                assert.deepStrictEqual(again, [], `in life ${life}`)
                const greeting = logged.findLast((line) => line.includes("recorded in"))
                const recorded = Number(/work: ([\d,]+) recorded/.exec(greeting ?? "")?.[1]?.replaceAll(",", "") ?? 0)
                assert.isAtLeast(recorded, known.size, `life ${life} has read the journal: ${logged.join(", ")}`)
                for (const [index, came] of reported) {
                  assert.strictEqual(came, known.get(index) ?? came)
                  known.set(index, came)
                }
                if (done) break
              }
              assert.strictEqual(known.size, inputs)
              for (const [index, came] of known) assert.strictEqual(came, expected(index))
            }),
          (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
        ),
      3_600_000
    )
  }
})
