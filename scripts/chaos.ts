/**
 * Runs chaos and soak tests: `node --conditions=@effect-parallel/source scripts/chaos.ts [inputs]`.
 *
 * Tasks of random length run on threads and processes. One in a hundred exits, throws, hangs past its timeout or
 * allocates without end: exactly those must fail, each with its reason. Their time is printed beside that of the same
 * tasks without faults. Then a million tiny tasks run through one pool, and the heap must not grow.
 */
import { Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import * as Effect from "effect/Effect"
import * as Chaos from "../test/backend/chaos.ts"
import * as tasks from "../test/backend/workerTasks.ts"

const inputs = Number(process.argv[2] ?? 10_000)
const grace = "100 millis"
const layers = {
  threads: Threads.layer({ grace, resourceLimits: { maxOldGenerationSizeMb: 48 } }),
  processes: Processes.layer({ grace, execArgv: ["--max-old-space-size=48"] })
}

for (const [name, layer] of Object.entries(layers)) {
  for (const concurrency of [2, 8]) {
    const run = (faults: boolean) =>
      Effect.runPromise(Effect.provide(Chaos.run(Chaos.draw(inputs, 7, faults), concurrency), layer))
    const quiet = await run(false)
    const { failures, millis, wrong } = await run(true)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const left = process.getActiveResourcesInfo().filter((resource) => /MessagePort|Process/.test(resource))
    console.log(
      `${name}, ${concurrency} batches at once: ${inputs} inputs, ${failures} failures, ${wrong.length} wrong, ` +
        `${(millis / 1000).toFixed(1)} s (${
          (quiet.millis / 1000).toFixed(1)
        } s without faults), left behind: ${left.length}`
    )
    for (const line of wrong.slice(0, 10)) console.log(`  ${line}`)
    if (wrong.length + left.length > 0) process.exitCode = 1
  }
}

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1e6
}

const soak = Effect.gen(function*() {
  const round = Parallel.forEach(Array.from({ length: 50_000 }, (_, n) => n), tasks.tiny)
  yield* round
  const before = heap()
  let most = 0
  for (let run = 0; run < 20; run++) {
    yield* round
    yield* Effect.sleep(1)
    most = Math.max(most, heap())
  }
  console.log(`a million tiny tasks: heap ${before.toFixed(1)} MB before, at most ${most.toFixed(1)} MB after a round`)
  if (globalThis.gc !== undefined && most > before + 20) process.exitCode = 1
})

await Effect.runPromise(Effect.provide(soak, Threads.layer()))
