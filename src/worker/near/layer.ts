/**
 * The common part of worker threads and processes: options, the layer, and entry points.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Backend from "../../Backend.ts"
import {
  knownKeys,
  optionalRecord,
  optionalStrings,
  positiveDuration,
  positiveInteger
} from "../../primitives/check.ts"
import type { DurationInput } from "../../primitives/duration.ts"
import { inside } from "../wire/inside.ts"
import { workers as countOf } from "./cores.ts"
import type { Platform, PoolOptions } from "./platform.ts"
import { Pool } from "./pool.ts"

/** The options of workers. */
export interface WorkerOptions {
  /**
   * How many workers there are: a positive integer, or -1 for all cores, -2 for all but one, and so on, as joblib
   * counts. Default: all cores that this process may use.
   */
  readonly workers?: number | undefined
  /** How long an idle worker is kept: a positive duration. Default: until the layer is released. */
  readonly idleTimeout?: DurationInput<"1 minute"> | undefined
  /**
   * How many inputs a worker runs before it is replaced, against memory leaks: a positive integer. Default: no limit.
   */
  readonly maxTasksPerWorker?: number | undefined
  /**
   * How long a task may take to stop after an interruption or a timeout: a positive duration. Then its worker is
   * terminated, and replaced. Default: 1 second.
   */
  readonly grace?: DurationInput<"1 second"> | undefined
  /**
   * How long a worker that is not busy may take until it starts an input that it was sent: a positive duration, which
   * includes its own start, the import of the task's module and the build of the task's layer. A slower worker is
   * terminated, and the inputs that waited for it fail with `WorkerCrashed`. Default: 30 seconds.
   */
  readonly startTimeout?: DurationInput<"30 seconds"> | undefined
  /** Environment variables of the workers, in addition to those of this process. Default: none. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Command-line options of Node.js for the workers. Default: those of this process. */
  readonly execArgv?: ReadonlyArray<string> | undefined
}

const keys = ["workers", "idleTimeout", "maxTasksPerWorker", "grace", "startTimeout", "env", "execArgv"]

/** Checks options. An unknown or invalid option is a defect. */
export const check = (options: WorkerOptions, others: ReadonlyArray<string>): void => {
  knownKeys("backend options", options, [...keys, ...others])
  optionalRecord("env", options.env, "a string", (value) => value === undefined || typeof value === "string")
  optionalStrings("execArgv", options.execArgv)
  poolOptions(options, undefined)
}

const poolOptions = (
  { grace, idleTimeout, maxTasksPerWorker, startTimeout, workers }: WorkerOptions,
  maxBytes: number | undefined
): PoolOptions => ({
  workers: countOf(workers),
  grace: millisOf("grace", grace, 1000),
  startTimeout: millisOf("startTimeout", startTimeout, 30_000),
  idleTimeout: millisOf("idleTimeout", idleTimeout, Infinity),
  maxTasksPerWorker: maxTasksPerWorker === undefined
    ? Infinity
    : positiveInteger("maxTasksPerWorker", maxTasksPerWorker),
  maxBytes
})

const millisOf = (name: string, duration: Duration.Input | undefined, otherwise: number): number =>
  duration === undefined ? otherwise : Duration.toMillis(positiveDuration(name, duration))

/** Converts the `maxBytes` option: the size in bytes from which a typed array is shared. The default is 1 MiB. */
export const bytes = (maxBytes: number | undefined): number => {
  if (maxBytes === undefined) return 1024 * 1024
  if (maxBytes === Infinity) return maxBytes
  return positiveInteger("maxBytes", maxBytes)
}

/** Makes the layer that owns the workers of a platform. */
export const layer = (options: WorkerOptions, platform: Platform, maxBytes: number | undefined): Layer.Layer<never> =>
  Layer.effect(
    Backend.Backend,
    Effect.acquireRelease(
      Effect.sync(() => {
        refuseInWorker(platform.name)
        return new Pool(platform, poolOptions(options, maxBytes))
      }),
      (pool) => pool.close
    ).pipe(
      Effect.map((pool): Backend.Backend => ({
        name: platform.name,
        workers: pool.size,
        batches: true,
        prefetch: true,
        execute: pool.execute
      }))
    )
  )

/**
 * Throws inside a worker. A worker that opens workers has imported a module that starts the program, so workers would
 * open workers without end.
 */
const refuseInWorker = (name: string): void => {
  const worker = inside()
  if (worker === undefined) return
  worker.programStarted()
  throw new Error(
    `a worker has started the program that opens ${name}: put the task into a separate module, ` +
      "or, from Node.js 24.2 on, start the program only `if (import.meta.main)`"
  )
}

/** True if this library runs from its sources. Then imports need an export condition. */
const fromSource = import.meta.url.endsWith(".ts")

/** Returns the URL of the entry point of a worker. */
export const entry = (name: "thread" | "process"): URL =>
  new URL(`../far/${name}.${fromSource ? "ts" : "js"}`, import.meta.url)

/** Returns the command-line options for a worker. `undefined` means those of this process. */
export const execArgv = (given: ReadonlyArray<string> | undefined): ReadonlyArray<string> | undefined =>
  fromSource ? [...given ?? [], "--conditions=@effect-parallel/source"] : given ?? withoutText(process.execArgv)

/** Options that are followed by a program given as text, and all options of such a program. */
const beforeText = /^(-e|-p|-pe|--eval|--print|--input-type)$/
const ofText = /^(-e|-p|-pe|--eval|--print|--input-type)(=|$)/

/** Removes a program given as text, because a worker starts from a file. Returns `undefined` if there is none. */
export const withoutText = (args: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
  const others = args.filter((arg, k) => !ofText.test(arg) && !beforeText.test(args[k - 1] ?? ""))
  return others.length === args.length ? undefined : others
}
