/**
 * Hot paths of the near side of workers. They are kept apart from `paths.ts`: in one file with those paths, the code of
 * workers would change when they are compiled.
 */
import * as Effect from "effect/Effect"
import { Parallel, Task } from "../src/index.ts"
import * as Workers from "../src/worker/near/layer.ts"
import { type FromFar, NotStarted } from "../src/worker/wire/messages.ts"
import { ports } from "../src/worker/wire/ports.ts"
import { lengthOf } from "../src/worker/wire/times.ts"
import { type Path, runPath } from "./runPath.ts"
import { sync } from "./work.ts"

const task = Task.make("task", { module: import.meta.url, run: sync })

/** A pool whose only worker answers immediately, in this thread, so that only the work of the near side is left. */
const pooled = Workers.layer({ workers: 1 }, {
  name: "answering",
  crossing: ports,
  canWithdraw: false,
  spawn: (_, { onMessage }) => ({
    post: (message) => {
      if (message._tag !== "Run") return
      const { id, payloads } = message
      const answer: FromFar = {
        _tag: "Exits",
        id,
        from: 0,
        values: payloads,
        places: [],
        failures: [],
        outOfBand: undefined,
        times: new Float64Array(lengthOf(1)),
        over: true
      }
      queueMicrotask(() => onMessage(answer))
    },
    position: () => ({ position: NotStarted, since: 0 }),
    clear: () => {},
    cut: undefined,
    withdraw: undefined,
    kill: () => {},
    hold: () => {}
  })
}, undefined)

export const paths: Readonly<Record<string, Path>> = {
  "batches of a pool": (inputs) => Effect.provide(Parallel.forEach(inputs, task), pooled),
  "batches of four of a pool": (inputs) => Effect.provide(Parallel.forEach(inputs, task, { batchSize: 4 }), pooled)
}

if (import.meta.main) await runPath(paths)
