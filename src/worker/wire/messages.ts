/**
 * Messages between the near side, which is the program, and the far side, which is a worker.
 */

import type { Attempts } from "./attempts.ts"
import type { WireValues } from "./numbers.ts"

/** The parts of a caller's context that a task gets. All of them can be cloned. */
export interface Ambient {
  readonly span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
  readonly logLevel: string
  readonly annotations: Readonly<Record<string, unknown>>
  /** Default options of runs inside the task: the options of `Parallel.withDefaults` that can be sent. */
  readonly defaults: Readonly<Record<string, unknown>>
}

/** Module and name of the task of a batch. */
export interface Address {
  readonly module: string
  readonly task: string
}

/**
 * Values of a message that cross separately, so that one that cannot be read fails only itself. `sealed` is their form
 * on the platform. `paths` has, for each deeply nested value, the start of the path into its deep part.
 */
export interface OutOfBand {
  readonly sealed: unknown
  readonly paths: ReadonlyArray<string | undefined>
}

/** The place of the value at a position among the out-of-band values. */
export type Place = readonly [position: number, place: number]

/** Work for the far side. A worker runs the payloads of a batch sequentially, and batches concurrently. */
export interface BatchMessage extends Address {
  readonly _tag: "Run"
  readonly id: number
  /** Slot in which the far side records the position of this batch. */
  readonly slot: number
  readonly payloads: WireValues
  readonly places: ReadonlyArray<Place>
  readonly outOfBand: OutOfBand | undefined
  /** True if the times of each payload are requested; otherwise the times of each message with exits suffice. */
  readonly timed: boolean
  /** True if it was sent ahead: it begins only when no other batch is at the worker. */
  readonly ahead: boolean
  /** Time limit of each payload from its start, in milliseconds. */
  readonly timeout: number | undefined
  /** Milliseconds after which no further payload is started. */
  readonly budget: number | undefined
  /** Number of bytes of shared memory that are new to the worker, at most. */
  readonly shared: number
  readonly ambient: Ambient
  /** The attempts of the payloads. `undefined` for a task that is called outside any attempt. */
  readonly attempts: Attempts | undefined
}

export type ToFar =
  | BatchMessage
  /** Asks for the unstarted payloads of a batch, which ends after the current payload. */
  | { readonly _tag: "Recall"; readonly id: number }
  /** Asks for a batch that was sent ahead, unless it has begun. */
  | { readonly _tag: "Withdraw"; readonly id: number }
  /** Interrupts a batch. */
  | { readonly _tag: "Cancel"; readonly id: number }
  /** Ends the worker: it cancels its batches, releases the layers of its tasks, and exits. */
  | { readonly _tag: "End" }

/** The role of a value in a task. */
export type ValueRole = "payload" | "success" | "error"

/**
 * A failure of a payload or a batch that is not the task's own: the reason of a `BackendError`, in the form it crosses
 * in.
 */
export type Fault =
  | { readonly _tag: "ValueRefused"; readonly value: ValueRole; readonly shown: string; readonly issue: string }
  | { readonly _tag: "NotCloneable"; readonly value: ValueRole; readonly path: string; readonly issue: string }
  | { readonly _tag: "LayerFailed"; readonly error: Thrown }
  | { readonly _tag: "ModuleFailed"; readonly module: string; readonly error: Thrown }
  | { readonly _tag: "ModuleMissing" | "ProgramStarted"; readonly module: string }
  | {
    readonly _tag: "TaskMissing"
    readonly module: string
    readonly task: string
    readonly found: ReadonlyArray<string>
  }
  | { readonly _tag: "TooLarge"; readonly value: ValueRole; readonly bytes: number; readonly most: number }
  | { readonly _tag: "TaskUnknown"; readonly machine: string; readonly found: ReadonlyArray<string> }
  | { readonly _tag: "TaskDiffers"; readonly machine: string; readonly value: ValueRole }
  | { readonly _tag: "WorkerCrashed" | "NoWorkers" | "MachineLost" | "Unreachable" }

/** A failure: the reasons of its cause, with (`Late`) or without the deadline, or a fault. */
export type WireFailure =
  | { readonly _tag: "Cause"; readonly reasons: ReadonlyArray<WireReason> }
  | { readonly _tag: "Late"; readonly reasons: ReadonlyArray<WireReason> }
  | { readonly _tag: "Fault"; readonly fault: Fault }

export type WireReason =
  /** An error that was encoded by its schema, and its stack. */
  | { readonly _tag: "Encoded"; readonly error: Sent; readonly stack: string | undefined } & Traced
  | { readonly _tag: "Fail"; readonly error: Thrown } & Traced
  | { readonly _tag: "Die"; readonly defect: Thrown } & Traced
  | { readonly _tag: "Interrupt" }

/** The calls that led to a failure in its worker, the innermost first. `undefined` if none are known. */
export interface Traced {
  readonly frames: ReadonlyArray<{ readonly name: string; readonly at: string | undefined }> | undefined
}

/** A value of a message: a part of it, or a place among the out-of-band values. */
export type Sent =
  | { readonly _tag: "Value"; readonly value: unknown }
  | { readonly _tag: "OutOfBand"; readonly place: number }

/** A thrown value: an error as data, any other value unchanged if it can be cloned, otherwise as text. */
export type Thrown =
  | { readonly _tag: "Error"; readonly error: ThrownError }
  | Sent
  | { readonly _tag: "Shown"; readonly text: string }

export interface ThrownError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly cause: Thrown | undefined
  /** The errors of an `AggregateError`. */
  readonly errors: ReadonlyArray<Thrown> | undefined
  /** Other own fields that can be cloned. */
  readonly fields: Readonly<Record<string, Sent>>
}

/**
 * Exits of consecutive payloads of a batch. There is a value for each; failures and places of out-of-band values, by
 * position, replace the values there. `times` are the times of the batch and of these payloads (`times.ts`). If the
 * batch is `over`, payloads without an exit were not started.
 */
export interface Exits {
  readonly _tag: "Exits"
  readonly id: number
  readonly from: number
  readonly values: WireValues
  readonly places: ReadonlyArray<Place>
  readonly failures: ReadonlyArray<readonly [position: number, failure: WireFailure]>
  readonly outOfBand: OutOfBand | undefined
  readonly times: Float64Array
  readonly over: boolean
}

export interface Log {
  readonly _tag: "Log"
  readonly id: number
  readonly position: number
  readonly level: string
  readonly message: ReadonlyArray<Thrown>
  readonly annotations: Readonly<Record<string, unknown>>
  readonly cause: ReadonlyArray<WireReason>
  readonly outOfBand: OutOfBand | undefined
}

export type FromFar =
  /** Reports that the worker listens. */
  | { readonly _tag: "Ready" }
  | Exits
  /** Ends a batch without further exits. */
  | { readonly _tag: "Done"; readonly id: number }
  | { readonly _tag: "Refused"; readonly id: number; readonly fault: Fault }
  | Log
  /** Reports an error that was thrown outside the tasks; the worker ends. */
  | { readonly _tag: "Dying"; readonly error: Thrown }

/** The position of a batch before its first payload. */
export const NotStarted = -1
