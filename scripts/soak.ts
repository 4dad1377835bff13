/**
 * Long runs whose figures are quoted in notes and docs: `npm run soak [-- step…]`.
 *
 * `threads` and `processes` run tasks of random length. One in twenty-five exits, throws, hangs past its timeout or
 * allocates without end. Exactly those must fail, each with its reason, and no worker may be left. The time of the same
 * tasks without faults is printed for comparison. `SOAK_INPUTS` is the number of tasks (default 10000).
 *
 * `heap` runs a million tiny tasks through one pool. The heap must not grow by more than 20 MB.
 *
 * `properties` runs the property tests with `PROPERTY_RUNS` programs each (default 50000).
 *
 * `journal` kills a program with a journal 500 times, on fibers and on threads, and flips 10,000 bits in each of its
 * files.
 *
 * `fleet` runs schedules of what happens to machines: `FLEET_SCHEDULES` of them (default 100000), the first from
 * `FLEET_SEED`.
 *
 * `instructions` counts the instructions per input on all hot paths, including the long ones
 * (`scripts/instructions.ts`).
 *
 * `fuzz` runs random programs until one misbehaves (`scripts/fuzz.ts`).
 */
import { Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Chaos from "../test/backend/chaos.ts"
import * as tasks from "../test/backend/workerTasks.ts"
import { fuzz } from "./fuzz.ts"
import { root, run, runSteps } from "./steps.ts"

const inputs = Number(process.env["SOAK_INPUTS"] ?? 10_000)
const programs = process.env["PROPERTY_RUNS"] ?? "50000"
const grace = "100 millis"

const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

/** Discards what workers write to stderr before they crash. */
const silently = async <A>(body: () => Promise<A>): Promise<A> => {
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = () => true
  try {
    return await body()
  } finally {
    process.stderr.write = write
  }
}

const chaos = async (layer: Layer.Layer<never>): Promise<void> => {
  for (const concurrency of [2, 8]) {
    const works = (faults: boolean) => {
      const program = Effect.provide(Chaos.run(Chaos.draw(inputs, 7, faults), concurrency), layer)
      return silently(() => Effect.runPromise(program))
    }
    const quiet = await works(false)
    const { failures, millis, wrong } = await works(true)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const left = process.getActiveResourcesInfo().filter((resource) => /MessagePort|Process/.test(resource))
    console.log(
      `${concurrency} concurrent batches: ${inputs} inputs, ${failures} failures, ${wrong.length} wrong, ` +
        `${seconds(millis)} (${seconds(quiet.millis)} without faults), left behind: ${left.length}`
    )
    if (wrong.length + left.length > 0) throw new Error([...wrong.slice(0, 10), ...left].join("\n"))
  }
}

const heap = Effect.gen(function*() {
  const { gc } = globalThis
  if (gc === undefined) throw new Error("`heap` needs --expose-gc, which `npm run soak` sets")
  const used = (): number => {
    gc()
    return process.memoryUsage().heapUsed / 1e6
  }
  const round = Parallel.forEach(Array.from({ length: 50_000 }, (_, n) => n), tasks.tiny)
  yield* round
  const before = used()
  let most = 0
  for (let rounds = 0; rounds < 20; rounds++) {
    yield* round
    yield* Effect.sleep(1)
    most = Math.max(most, used())
  }
  console.log(`a million tiny tasks: heap ${before.toFixed(1)} MB before, at most ${most.toFixed(1)} MB after a round`)
  if (most > before + 20) {
    throw new Error(`the heap grew by ${(most - before).toFixed(1)} MB; at most 20 MB are allowed`)
  }
})

await runSteps({
  threads: () => chaos(Threads.layer({ grace, resourceLimits: { maxOldGenerationSizeMb: 48 } })),
  processes: () => chaos(Processes.layer({ grace, execArgv: ["--max-old-space-size=48"] })),
  heap: () => Effect.runPromise(Effect.provide(heap, Threads.layer())),
  properties: () => {
    const files = globSync("test/**/*.test.ts", { cwd: root })
      .filter((file) => readFileSync(join(root, file), "utf8").includes("PROPERTY_RUNS"))
      .toSorted()
    if (files.length === 0) throw new Error("found no property test")
    const env = { PROPERTY_RUNS: programs }
    run("vitest", ["run", "--testTimeout", "3600000", ...files], { env })
    console.log(`${programs} programs for each property of ${files.join(", ")}`)
  },
  journal: () => {
    const { JOURNAL_FLIPS = "10000", JOURNAL_KILLS = "500" } = process.env
    const tests = ["test/journal/sqlite/kills.test.ts", "test/journal/sqlite/damage.test.ts"]
    const env = { JOURNAL_FLIPS, JOURNAL_KILLS, JOURNAL_STEP: "1" }
    run("vitest", ["run", "--testTimeout", "7200000", ...tests], { env })
    console.log(
      `${JOURNAL_KILLS} kills on fibers and on threads, and ${JOURNAL_FLIPS} bits in each of four files: nothing wrong`
    )
  },
  fleet: () => {
    const { FLEET_SCHEDULES = "100000", FLEET_SEED = String(Date.now() % 1_000_000_000) } = process.env
    const env = { FLEET_SCHEDULES, FLEET_SEED }
    run("vitest", ["run", "--testTimeout", "3600000", "test/fuzz/fleet.test.ts"], { env })
    console.log(`${FLEET_SCHEDULES} schedules from seed ${FLEET_SEED}`)
  },
  instructions: () => {
    console.log(run("node", ["scripts/check.ts", "instructions"], { env: { PATHS: "*" } }))
  },
  fuzz
})
