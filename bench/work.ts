/** Inputs and bodies that the benches share. The bodies do almost nothing, so that the cost of the engine remains. */
import * as Effect from "effect/Effect"
import type { Worker } from "node:worker_threads"
import type { Case } from "./measure.ts"

/** Number of bodies in flight, in all benches. */
export const concurrency = 16

export const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)

/** Yields inputs one by one, each after a promise. */
export async function* generated(count: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index++) yield index
}

/** Body for the promise libraries, and the promise in our own bodies. */
export const resolved = (input: number): Promise<number> => Promise.resolve(input)

/** Body that waits until the event loop has turned, as all real input and output does. */
export const turned = (input: number): Promise<number> => new Promise((resolve) => setImmediate(resolve, input))

export const promise = (input: number): Effect.Effect<number> => Effect.promise(() => resolved(input))
export const waiting = (input: number): Effect.Effect<number> => Effect.promise(() => turned(input))
export const sync = (input: number): Effect.Effect<number> => Effect.sync(() => input)
export const ready = (input: number): Effect.Effect<number> => Effect.succeed(input)

/** Bodies that fail: immediately, and after a promise. */
export const failing = (_: number): Effect.Effect<number, string> => Effect.fail("no")
export const failingLate = (input: number): Effect.Effect<number, string> =>
  Effect.flatMap(promise(input), () => Effect.fail("no"))

/** Makes a case of a program that returns one result for each number. */
export const over =
  (program: (inputs: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<unknown>, unknown>): Case => (count) => {
    const inputs = numbers(count)
    return () => Effect.runPromise(Effect.map(program(inputs), (values) => values.length))
  }

/** Returns a function that makes a value at its first call, so that a pool stays warm for a whole process. */
export const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/** Sends each worker thread a message when it has answered the one before, and waits for all answers. */
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
