/**
 * The cost of a journal in a file: the time that it adds for an outcome of about a hundred bytes, and the time to
 * recall one.
 *
 * Baselines: the same run without a journal, and a loop by hand. The loop makes the digest and the JSON of each
 * outcome, and gives groups of them to a thread, which appends them to a file and waits for the disk (`fdatasync`)
 * before it takes the next group. The file is opened once in a process. A run that records has a version of its own
 * each time; one that recalls always has the same.
 */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as References from "effect/References"
import { execFileSync } from "node:child_process"
import { hash } from "node:crypto"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { Parallel } from "../src/index.ts"
import * as Sqlite from "../src/journal/Sqlite.ts"
import {
  type Case,
  type Check,
  extra,
  type Group,
  large,
  measure,
  plain,
  small,
  type Survey,
  type Topic
} from "./measure.ts"
import { concurrency, numbers, once } from "./work.ts"

/** An outcome of about 98 bytes as JSON. */
const outcome = (n: number) => ({ n, text: "abcdefghijklmnopqrstuvwxyz".repeat(2), isRight: true, list: [1, 2, 3] })

const work = (n: number) => Effect.sync(() => outcome(n))

const folder = once(() => mkdtempSync(join(tmpdir(), "effect-parallel-bench-")))

const quiet = Effect.provideService(References.MinimumLogLevel, "Warn")

const runtime = once(() => ManagedRuntime.make(Sqlite.layer({ path: join(folder(), "records.db") })))

let versions = 0

const runs = (version: () => string): Case => (inputs) => {
  const all = numbers(inputs)
  return () => {
    const options = { name: "bench", journal: { version: version() }, concurrency }
    return runtime().runPromise(quiet(Effect.map(Parallel.run(all, work, options), ({ outcomes }) => outcomes.length)))
  }
}

const without: Case = (inputs) => {
  const all = numbers(inputs)
  return () =>
    Effect.runPromise(Effect.map(Parallel.run(all, work, { concurrency }), ({ outcomes }) => outcomes.length))
}

/** A thread that appends texts to a file, and answers when they are on the disk. */
const appender = `
  const { parentPort, workerData } = require("node:worker_threads")
  const { fdatasyncSync, openSync, writeSync } = require("node:fs")
  const file = openSync(workerData, "a")
  parentPort.on("message", (records) => {
    writeSync(file, records.join(""))
    fdatasyncSync(file)
    parentPort.postMessage(records.length)
  })
`
const byHand: Case = (inputs) => {
  const worker = new Worker(appender, { eval: true, workerData: join(folder(), "by hand") })
  const all = numbers(inputs)
  return () =>
    new Promise((resolve) => {
      let [next, done, busy] = [0, 0, false]
      let group: Array<string> = []
      const flush = () => {
        if (busy || group.length === 0) return
        busy = true
        worker.postMessage(group)
        group = []
      }
      const turn = () => {
        for (const end = Math.min(next + 2000, all.length); next < end; next++) {
          const input = all[next]!
          const key = hash("sha256", JSON.stringify(input), "hex")
          group.push(`${key} ${JSON.stringify(outcome(input))}\n`)
        }
        flush()
        if (next < all.length) setImmediate(turn)
      }
      worker.removeAllListeners("message")
      worker.on("message", (count: number) => {
        busy = false
        done += count
        if (done === all.length) resolve(done)
        else flush()
      })
      turn()
    })
}

/** Makes a check: the time that a journal adds per outcome. */
const adds = (name: string, target?: number): Check => extra(name, "no journal", small, target)

const cases = {
  "no journal": without,
  "in a file": runs(() => `v${versions++}`),
  "recalled": runs(() => "same"),
  "by hand": byHand
}

const time: Group = {
  name: "outcomes",
  metric: "time",
  cases,
  sizes: [small],
  checks: [adds("in a file"), adds("recalled"), adds("by hand")]
}

const thread: Group = {
  name: "outcomes, the thread of the program",
  metric: "thread",
  cases,
  sizes: [small],
  checks: [adds("in a file", 6), adds("recalled", 6), adds("by hand")]
}

const cpu: Group = {
  name: "outcomes, all threads",
  metric: "cpu",
  cases,
  sizes: [small],
  checks: [adds("in a file", 10), adds("recalled"), adds("by hand")]
}

/** The cases in one run each, whose file is empty at its start. */
const gap: Group = {
  name: "the longest time between two turns of the event loop",
  metric: "gap",
  cases: { "no journal": without, "in a file": cases["in a file"] },
  sizes: [small],
  checks: [plain("no journal", small), plain("in a file", small, 25)]
}

/** Milliseconds of a run, and the megabytes that it has added to the memory of its program. */
interface Part {
  readonly millis: number
  readonly added: number
}

/** Runs inputs with the journal of a file. */
const part = async (path: string, inputs: ReadonlyArray<number>): Promise<Part> => {
  const used = async (): Promise<number> => {
    for (let k = 0; k < 3; k++) {
      globalThis.gc?.()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return process.memoryUsage.rss() / 1e6
  }
  const before = await used()
  const from = performance.now()
  const run = Effect.asVoid(Parallel.run(inputs, work, { name: "bench", journal: true, concurrency: 64 }))
  const clocked = Effect.andThen(run, Effect.sync(() => performance.now() - from))
  const opened = Effect.zip(clocked, Effect.promise(used))
  const [millis, after] = await Effect.runPromise(opened.pipe(Effect.provide(Sqlite.layer({ path })), quiet))
  return { millis, added: after - before }
}

/**
 * Records a million outcomes, and recalls the first of them in another process. For comparison, opens an empty file in
 * a third.
 */
const resume: Survey = {
  name: "a file with a million outcomes",
  figures: {
    "size of the file": "MB",
    "recording them": "ms",
    "opening the file and recalling one outcome": "ms",
    "opening an empty file and recording one outcome": "ms",
    "memory of the program with the file": "MB",
    "memory of the program with an empty file": "MB"
  },
  read: async () => {
    const inFile = (what: string, file: string): Part => {
      const args = ["--expose-gc", fileURLToPath(import.meta.url), what, join(folder(), file)]
      return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }))
    }
    const recorded = inFile("record", "million.db")
    const size = statSync(join(folder(), "million.db")).size / 1e6
    const recalled = inFile("recall", "million.db")
    const empty = inFile("recall", "empty.db")
    rmSync(folder(), { recursive: true })
    return {
      "size of the file": size,
      "recording them": recorded.millis,
      "opening the file and recalling one outcome": recalled.millis,
      "opening an empty file and recording one outcome": empty.millis,
      "memory of the program with the file": recalled.added,
      "memory of the program with an empty file": empty.added
    }
  },
  checks: []
}

export const topic: Topic = {
  title: "journal",
  url: import.meta.url,
  peers: ["effect"],
  groups: [time, thread, cpu, gap, resume]
}

if (import.meta.main) {
  const [what, path] = process.argv.slice(2)
  if (what === "record" || what === "recall") {
    console.log(JSON.stringify(await part(path!, what === "record" ? numbers(large) : [0])))
  } else await measure(topic)
  process.exit()
}
