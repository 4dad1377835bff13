/** Inputs and bodies that the benches have in common. They do next to nothing: what is left is the engine's cost. */
import * as Effect from "effect/Effect"
import type { Worker } from "node:worker_threads"
import type { Case } from "./measure.ts"

/** How many bodies are in flight, everywhere. */
export const concurrency = 16

export const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)

/** Inputs that come one by one, each after a promise. */
export async function* generated(count: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index++) yield index
}

/** The body of the promise libraries, and the promise in ours. */
export const resolved = (input: number): Promise<number> => Promise.resolve(input)

/** A body that waits until the event loop has turned, as all real input and output does. */
export const turned = (input: number): Promise<number> => new Promise((resolve) => setImmediate(resolve, input))

export const promise = (input: number): Effect.Effect<number> => Effect.promise(() => resolved(input))
export const waiting = (input: number): Effect.Effect<number> => Effect.promise(() => turned(input))
export const sync = (input: number): Effect.Effect<number> => Effect.sync(() => input)
export const ready = (input: number): Effect.Effect<number> => Effect.succeed(input)

/** Failures: one that is there at once, and one that comes after a promise. */
export const failing = (_: number): Effect.Effect<number, string> => Effect.fail("no")
export const failingLate = (input: number): Effect.Effect<number, string> =>
  Effect.flatMap(promise(input), () => Effect.fail("no"))

/** A program over numbers that gives one thing for each. */
export const over =
  (program: (inputs: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<unknown>, unknown>): Case => (count) => {
    const inputs = numbers(count)
    return () => Effect.runPromise(Effect.map(program(inputs), (values) => values.length))
  }

/** Makes something the first time it is asked for: a pool is as warm as its process. */
export const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/** Gives each message to a worker thread that has answered the one before, and waits for all the answers. */
export const handOut = (pool: ReadonlyArray<Worker>, messages: ReadonlyArray<unknown>): Promise<void> =>
  new Promise((resolve) => {
    let [next, left] = [0, messages.length]
    const send = (worker: Worker) => {
      if (next < messages.length) worker.postMessage(messages[next++])
    }
    for (const worker of pool) {
      worker.removeAllListeners("message")
      worker.on("message", () => {
        if (--left === 0) resolve()
        else send(worker)
      })
      send(worker)
    }
  })
