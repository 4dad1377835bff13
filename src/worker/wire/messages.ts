/**
 * What the near side, which has the program, and the far side, which is a worker, say to each other.
 */

/** What a task sees of its caller. All of it can be cloned. */
export interface Ambient {
  readonly span: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
  readonly logLevel: string
  readonly annotations: Readonly<Record<string, unknown>>
  /** The options that runs inside the task go by: those of `Parallel.withDefaults` that can be sent. */
  readonly defaults: Readonly<Record<string, unknown>>
}

/** Which task a batch is of. */
export interface Address {
  readonly module: string
  readonly task: string
}

/** Work for the far side. A worker takes the payloads of a batch one after another; batches run beside each other. */
export interface BatchMessage extends Address {
  readonly _tag: "Run"
  readonly id: number
  /** Where the far side notes how far this batch is. */
  readonly slot: number
  readonly payloads: ReadonlyArray<unknown>
  /** In milliseconds, for each payload from its start. */
  readonly timeout: number | undefined
  /** In milliseconds: when the batch has run for so long, no further payload is started. */
  readonly budget: number | undefined
  /** How many bytes of shared memory may come with it for the first time. */
  readonly shared: number
  readonly ambient: Ambient
}

export type ToFar =
  | BatchMessage
  /** Gives back what of a batch has not started. */
  | { readonly _tag: "Recall"; readonly id: number }
  /** Interrupts a batch. */
  | { readonly _tag: "Cancel"; readonly id: number }
  /** Ends the worker: releases what its tasks' layers hold, and goes. */
  | { readonly _tag: "End" }

/** Why a batch cannot run at all. */
export type Refusal =
  | { readonly _tag: "ModuleMissing" }
  | { readonly _tag: "ModuleFailed"; readonly error: Thrown }
  | { readonly _tag: "TaskMissing"; readonly found: ReadonlyArray<string> }
  | { readonly _tag: "ProgramStarted" }

/** Which of the values of a task is meant. */
export type ValueRole = "payload" | "success" | "error"

/** Why one payload failed, where it is not the task that failed. */
export type Fault =
  | { readonly _tag: "ValueRefused"; readonly value: ValueRole; readonly shown: string; readonly issue: string }
  | { readonly _tag: "NotCloneable"; readonly value: ValueRole; readonly path: string; readonly issue: string }
  | { readonly _tag: "LayerFailed"; readonly error: Thrown }

/** A failure on the wire: the reasons of its cause, a deadline beside them, or a fault. */
export type WireFailure =
  | { readonly _tag: "Cause"; readonly reasons: ReadonlyArray<WireReason> }
  | { readonly _tag: "Late"; readonly reasons: ReadonlyArray<WireReason> }
  | { readonly _tag: "Fault"; readonly fault: Fault }

export type WireReason =
  /** An error: through its schema when there is one, else as data. */
  | { readonly _tag: "Encoded"; readonly error: unknown }
  | { readonly _tag: "Fail"; readonly error: Thrown }
  | { readonly _tag: "Die"; readonly defect: Thrown }
  | { readonly _tag: "Interrupt" }

/** A thrown value: an error as data, anything else that can be cloned as it is, the rest as it is shown. */
export type Thrown =
  | { readonly _tag: "Error"; readonly error: ThrownError }
  | { readonly _tag: "Value"; readonly value: unknown }
  | { readonly _tag: "Shown"; readonly text: string }

export interface ThrownError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly cause: Thrown | undefined
  /** Its own other fields, as far as they can be cloned. */
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * What became of some payloads of a batch that follow each other: a value for each, and the failures in place of the
 * values at their positions. `millis` is how long each took; the batch is `over` where what is not told of was not started.
 */
export interface Exits {
  readonly _tag: "Exits"
  readonly id: number
  readonly from: number
  readonly values: ReadonlyArray<unknown>
  readonly failures: ReadonlyArray<readonly [position: number, failure: WireFailure]>
  readonly millis: Float64Array
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
}

export type FromFar =
  /** The worker is up. */
  | { readonly _tag: "Ready" }
  | Exits
  /** A batch is over, and there is nothing more to tell of it. */
  | { readonly _tag: "Done"; readonly id: number }
  | { readonly _tag: "Refused"; readonly id: number; readonly refusal: Refusal }
  | Log
  /** Something outside the tasks threw, and the worker ends. */
  | { readonly _tag: "Dying"; readonly error: Thrown }

/** The position of a batch before its first payload. */
export const NotStarted = -1
