/**
 * Tasks of random length on two workers: how long they take, and whether exactly the faulty ones fail. Of a hundred
 * tasks, one exits, one throws, one hangs until its timeout and one allocates without end.
 *
 * Baseline: the same tasks without faults. `npm run soak` runs ten times as many.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Processes from "../src/backend/Processes.ts"
import * as Threads from "../src/backend/Threads.ts"
import * as Chaos from "../test/backend/chaos.ts"
import { measure, plain, type Survey, type Topic } from "./measure.ts"

const inputs = 1000
const workers = 2
const grace = "100 millis"

const layers: Readonly<Record<string, Layer.Layer<never>>> = {
  "threads": Threads.layer({ workers, grace, resourceLimits: { maxOldGenerationSizeMb: 48 } }),
  "processes": Processes.layer({ workers, grace, execArgv: ["--max-old-space-size=48"] })
}

const run = (layer: Layer.Layer<never>, faults: boolean) =>
  Effect.runPromise(Effect.provide(Chaos.run(Chaos.draw(inputs, 7, faults), workers), layer))

const faulty = Chaos.draw(inputs, 7, true).filter(({ fate }) => fate !== "pass")

const faults: Survey = {
  name: "tasks of random length",
  flags: ["--conditions=@effect-parallel/source"],
  figures: {
    "all tasks": "tasks",
    "faulty tasks": "tasks",
    "their timeouts, added up": "s",
    ...Object.fromEntries(
      Object.keys(layers).flatMap((name) => [
        [`on ${name}`, "s"],
        [`on ${name}, without faults`, "s"],
        [`wrong outcomes on ${name}`, "tasks"]
      ])
    )
  },
  read: async () => {
    // what workers write before they crash
    process.stderr.write = () => true
    const figures: Record<string, number> = {
      "all tasks": inputs,
      "faulty tasks": faulty.length,
      "their timeouts, added up": faulty.filter(({ fate }) => fate === "hang").length
    }
    for (const [name, layer] of Object.entries(layers)) {
      const quiet = await run(layer, false)
      const { millis, wrong } = await run(layer, true)
      figures[`on ${name}`] = millis / 1000
      figures[`on ${name}, without faults`] = quiet.millis / 1000
      figures[`wrong outcomes on ${name}`] = wrong.length + quiet.wrong.length
    }
    return figures
  },
  checks: Object.keys(layers).map((name) => plain(`wrong outcomes on ${name}`, undefined, 0, "tasks"))
}

export const topic: Topic = { title: "faults", url: import.meta.url, peers: [], rounds: 1, groups: [faults] }

if (import.meta.main) await measure(topic)
