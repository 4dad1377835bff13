/** Tasks that return, throw, log and post hostile values. Plain Node.js imports this file. */
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import { appendFileSync, closeSync, fstatSync, readdirSync, writeSync } from "node:fs"
import { parentPort, workerData } from "node:worker_threads"
import { nested, values } from "../hostile.ts"

const module = import.meta.url

interface WithWasm {
  readonly WebAssembly: { readonly Module: new(bytes: Uint8Array) => object }
}

/** Makes an empty module of WebAssembly. */
export const wasmModule = (): object =>
  new (globalThis as unknown as WithWasm).WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))

/** Returns its payload. */
export const echo = Task.make("echo", { module, run: (value: unknown) => Effect.succeed(value) })

/** Returns the type of its payload. */
export const typeOf = Task.make("typeOf", { module, run: (value: unknown) => Effect.succeed(typeof value) })

/** The way in which a value leaves a task. `note` is a file to which each start is written. */
export interface Leaving {
  readonly as: "value" | "error" | "defect" | "log" | "annotation" | "plain" | "module" | "several"
  /** Index of the value in the list of hostile values, or number of levels of a nested value. */
  readonly number: number
  readonly nested?: boolean
  readonly note?: string
}

export const leaves = Task.make("leaves", {
  module,
  run: ({ as, nested: isNested, note, number }: Leaving): Effect.Effect<unknown, unknown> => {
    if (note !== undefined) appendFileSync(note, `${as} ${number}\n`)
    const value = isNested === true ? nested(number) : values[number]?.[1]
    switch (as) {
      case "value":
        return Effect.succeed(value)
      case "error":
        return Effect.fail(value)
      case "defect":
        return Effect.die(value)
      case "log":
        return Effect.as(Effect.log("hostile", { value }, [value]), number)
      case "annotation":
        return Effect.as(Effect.annotateLogs(Effect.log("annotated"), { value }), number)
      case "module":
        return Effect.sync(wasmModule)
      case "several":
        return Effect.fail(new AggregateError(Array.from({ length: number }, (_, n) => new RangeError(`${n}`)), "all"))
      case "plain":
        return Effect.succeed(number)
    }
  }
})

/** The things that a task can do to the channel of its worker. */
export type Junk =
  | "posts"
  | "closes"
  | "removes listeners"
  | "writes to descriptors"
  | "closes descriptors"
  | "fills descriptors"
  | "nothing"

const forged = {
  _tag: "Exits",
  id: 1,
  from: 0,
  values: ["forged"],
  places: [],
  failures: [],
  times: new Float64Array(6).fill(1e308),
  over: true
}

/** The open descriptors above the standard ones. */
const descriptors = (): ReadonlyArray<number> =>
  readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    try {
      return fd > 2 && (fstatSync(fd).isSocket() || fstatSync(fd).isFile())
    } catch {
      return false
    }
  })

const meddle = (junk: Junk): void => {
  switch (junk) {
    case "posts":
      parentPort?.postMessage(forged)
      parentPort?.postMessage("junk")
      process.send?.(forged)
      return
    case "closes":
      parentPort?.close()
      if (process.connected) process.disconnect()
      return
    case "removes listeners":
      parentPort?.removeAllListeners()
      process.removeAllListeners()
      return
    case "writes to descriptors":
      for (let fd = 3; fd < 8; fd++) {
        try {
          writeSync(fd, "junk that is no message")
        } catch {
          // the descriptor does not exist
        }
      }
      return
    case "closes descriptors":
      for (const fd of descriptors()) closeSync(fd)
      return
    case "fills descriptors":
      for (const fd of descriptors()) {
        try {
          writeSync(fd, "junk that is no message ".repeat(10))
        } catch {
          // it cannot be written to
        }
      }
      return
    case "nothing":
      return
  }
}

/** Writes to the channel of its worker, and returns its payload. */
export const meddles = Task.make("meddles", {
  module,
  run: ({ junk, value }: { readonly junk: Junk; readonly value: number }) => Effect.sync(() => (meddle(junk), value))
})

/** Returns what a task on a thread can find of its channel. */
export const finds = Task.make("finds", {
  module,
  run: (_: unknown) => Effect.sync(() => Object.keys((workerData ?? {}) as object))
})

/** Returns the identifier of its process. */
export const pid = Task.make("pid", { module, run: (_: number) => Effect.sync(() => process.pid) })
