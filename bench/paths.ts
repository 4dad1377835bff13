/**
 * Hot paths whose instructions `npm run check -- instructions` counts. `node bench/paths.ts <path> <inputs>` runs one
 * of them once. Nothing here waits or computes, so that only the work of the library for an input is counted.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Backend, Limit, Parallel, Report, Task } from "../src/index.ts"
import { type Path, runPath } from "./runPath.ts"
import { concurrency, promise, ready, sync } from "./work.ts"

const module = import.meta.url
const task = Task.make("task", { module, run: sync })
const checked = Task.make("checked", { module, payload: Schema.Int, success: Schema.Int, run: sync })

/**
 * A backend that takes batches and answers immediately, so that only the work of a run for a batch and its inputs is
 * left.
 */
const answering = Backend.layer({
  name: "answering",
  workers: 2,
  batches: true,
  execute: (_, { inputs }, onExit) =>
    Effect.sync(() => inputs.forEach((input, position) => onExit(position, Exit.succeed(input as never), 0)))
})

export const paths: Readonly<Record<string, Path>> = {
  "forEach, ready": (inputs) => Parallel.forEach(inputs, ready, { concurrency }),
  "forEach, synchronous": (inputs) => Parallel.forEach(inputs, sync, { concurrency }),
  "forEach, promises": (inputs) => Parallel.forEach(inputs, promise, { concurrency }),
  "forEach, with a timeout": (inputs) => Parallel.forEach(inputs, promise, { concurrency, timeout: "1 minute" }),
  "forEach, with a limit": (inputs) => Parallel.forEach(inputs, sync, { concurrency, limit: Limit.concurrency(8) }),
  "forEach, a task": (inputs) => Parallel.forEach(inputs, task, { concurrency }),
  "forEach, a task with schemas": (inputs) => Parallel.forEach(inputs, checked, { concurrency }),
  "forEach, batches": (inputs) => Effect.provide(Parallel.forEach(inputs, task), answering),
  "forEach, batches with a limit": (inputs) =>
    Effect.provide(Parallel.forEach(inputs, task, { limit: Limit.concurrency(2) }), answering),
  "forEach, batches with stragglers": (inputs) =>
    Effect.provide(Parallel.forEach(inputs, task, { stragglers: { after: "1 minute" } }), answering),
  "forEach, batches with spans": (inputs) => Effect.provide(Parallel.forEach(inputs, task, { spans: 0.01 }), answering),
  "partition, failures": (inputs) => Parallel.partition(inputs, (n) => Effect.fail(n), { concurrency }),
  "partition, synchronous": (inputs) => Parallel.partition(inputs, sync, { concurrency }),
  "run, synchronous": (inputs) => Parallel.run(inputs, sync, { concurrency }),
  "run, batches": (inputs) => Effect.provide(Parallel.run(inputs, task), answering),
  "stream, synchronous": (inputs) => Stream.runDrain(Parallel.stream(inputs, sync, { concurrency })),
  "report, as JSON": (inputs) => Effect.map(Parallel.run(inputs, ready), (report) => Report.toJson(report))
}

if (import.meta.main) await runPath(paths)
