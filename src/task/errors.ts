/**
 * Errors of the way to a task and back, apart from the errors of the task itself.
 */
import * as Schema from "effect/Schema"
import { prefix, printable } from "../primitives/printable.ts"
import { shorten, shortenInput, shortenMessage, shortenName } from "../primitives/shorten.ts"
import { BackendErrorTypeId } from "./stacks.ts"

/** Shows what a schema says, in several lines. */
const explained = (text: string): string => printable(prefix(text, 1000))

/**
 * A value that the task's schema refuses, so it cannot cross.
 *
 * @category errors
 * @since 0.1.0
 */
export class ValueRefused extends Schema.TaggedError<ValueRefused>("effect-parallel/Backend/ValueRefused")(
  "ValueRefused",
  {
    value: Schema.Literals(["payload", "success", "error"]),
    shown: Schema.String,
    issue: Schema.String
  }
) {
  override get message(): string {
    return `the ${this.value} schema refuses ${shortenMessage(this.shown)}: ${explained(this.issue)}`
  }
}

/**
 * The task's `layer` could not be built where the task runs.
 *
 * @category errors
 * @since 0.1.0
 */
export class LayerFailed extends Schema.TaggedError<LayerFailed>("effect-parallel/Backend/LayerFailed")("LayerFailed", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `its layer could not be built: ${shorten(this.cause)}`
  }
}

/**
 * The worker ended while it was at this input: it called `exit`, was killed, ran out of memory, or something threw
 * where nobody caught it.
 *
 * **Details**
 *
 * `exitCode` or `signal` as the operating system gave it; neither where no worker could be started. `stderr` is the end
 * of what the worker wrote there.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerCrashed extends Schema.TaggedError<WorkerCrashed>("effect-parallel/Backend/WorkerCrashed")(
  "WorkerCrashed",
  {
    exitCode: Schema.optionalKey(Schema.Int),
    signal: Schema.optionalKey(Schema.String),
    stderr: Schema.String
  }
) {
  override get message(): string {
    const how = this.signal !== undefined
      ? `its worker ended by ${shortenName(this.signal)}`
      : this.exitCode !== undefined
      ? `its worker ended with exit code ${this.exitCode}`
      : "its worker could not be started"
    return this.stderr === "" ? how : `${how}: ${shortenMessage(this.stderr)}`
  }
}

/**
 * A value that cannot be cloned, so it cannot cross: a function, a promise, a handle.
 *
 * **Details**
 *
 * `path` says where in the value, like `.jobs[3].callback`; it is empty for the value itself. Give the task a schema
 * that makes plain data of it, or send less.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotCloneable extends Schema.TaggedError<NotCloneable>("effect-parallel/Backend/NotCloneable")(
  "NotCloneable",
  {
    value: Schema.Literals(["payload", "success", "error"]),
    path: Schema.String,
    issue: Schema.String
  }
) {
  override get message(): string {
    const where = this.path === "" ? "its root" : shortenName(this.path)
    return `the ${this.value} cannot be cloned at ${where}: ${shortenName(this.issue)}`
  }
}

/**
 * A worker does not find the task's module: its `module` has to be `import.meta.url` of a file that is there when it
 * runs.
 *
 * @category errors
 * @since 0.1.0
 */
export class ModuleMissing extends Schema.TaggedError<ModuleMissing>("effect-parallel/Backend/ModuleMissing")(
  "ModuleMissing",
  { module: Schema.String }
) {
  override get message(): string {
    return `its worker finds no module ${shortenName(this.module)}`
  }
}

/**
 * The task's module threw when a worker imported it, or ended the worker.
 *
 * @category errors
 * @since 0.1.0
 */
export class ModuleFailed extends Schema.TaggedError<ModuleFailed>("effect-parallel/Backend/ModuleFailed")(
  "ModuleFailed",
  { module: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    return `its worker could not import ${shortenName(this.module)}: ${shorten(this.cause)}`
  }
}

/**
 * The task's module exports no task of its name.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskMissing extends Schema.TaggedError<TaskMissing>("effect-parallel/Backend/TaskMissing")(
  "TaskMissing",
  { module: Schema.String, task: Schema.String, found: Schema.Array(Schema.String) }
) {
  override get message(): string {
    const found = this.found.length === 0 ? "no task" : shortenName(this.found.join(", "))
    return `${shortenName(this.module)} exports no task ${shortenName(this.task)}; it exports ${found}`
  }
}

/**
 * The task's module starts its program again when a worker imports it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProgramStarted extends Schema.TaggedError<ProgramStarted>("effect-parallel/Backend/ProgramStarted")(
  "ProgramStarted",
  { module: Schema.String }
) {
  override get message(): string {
    return `${
      shortenName(this.module)
    } starts its program when a worker imports it: put the task into a module of its own, ` +
      "or, from Node.js 24.2 on, start the program only `if (import.meta.main)`"
  }
}

/**
 * No worker has taken the input: a fleet had no machine for too long, or the backend gave the input back again and again.
 *
 * **Details**
 *
 * Units: `millis` is how long that was tried. `givenBack` is how often the input came back unstarted; 0 where there was
 * nobody to give it to.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoWorkers extends Schema.TaggedError<NoWorkers>("effect-parallel/Backend/NoWorkers")("NoWorkers", {
  millis: Schema.Finite,
  givenBack: Schema.Int
}) {
  override get message(): string {
    const seconds = `${this.millis / 1000} s`
    return this.givenBack === 0
      ? `there was no worker for it for ${seconds}`
      : `no worker has begun it in ${seconds}, in which it was given back ${this.givenBack} times`
  }
}

/**
 * Machine after machine was lost while it had this input.
 *
 * **Details**
 *
 * `machine` is the last of them, `losses` how many there were. `how` tells whether the last one was gone, or has not been
 * heard of for its lease.
 *
 * @category errors
 * @since 0.1.0
 */
export class MachineLost extends Schema.TaggedError<MachineLost>("effect-parallel/Backend/MachineLost")("MachineLost", {
  machine: Schema.String,
  how: Schema.Literals(["gone", "silent"]),
  losses: Schema.Int
}) {
  override get message(): string {
    const how = this.how === "gone" ? "is gone" : "was silent for its lease"
    const before = this.losses > 1 ? `, and ${this.losses - 1} before it were lost at this input too` : ""
    return `the machine ${shortenName(this.machine)} ${how}${before}`
  }
}

/**
 * The way to the machines was closed for too long: a queue or a network that cannot be reached.
 *
 * **Details**
 *
 * Units: `millis` is how long it was tried. `cause` is what the transport said last.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreachable extends Schema.TaggedError<Unreachable>("effect-parallel/Backend/Unreachable")("Unreachable", {
  millis: Schema.Finite,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the machines could not be reached for ${this.millis / 1000} s: ${shorten(this.cause)}`
  }
}

/**
 * A machine has taken the input and does not have its task.
 *
 * **Details**
 *
 * `found` lists the tasks that it has: those that it was started with.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskUnknown extends Schema.TaggedError<TaskUnknown>("effect-parallel/Backend/TaskUnknown")("TaskUnknown", {
  machine: Schema.String,
  found: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const found = this.found.length === 0 ? "none" : shortenName(this.found.join(", "))
    return `the machine ${shortenName(this.machine)} has no such task; its tasks: ${found}`
  }
}

/**
 * A machine has a task of this name whose values cross in another form: program and machine are of different versions.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskDiffers extends Schema.TaggedError<TaskDiffers>("effect-parallel/Backend/TaskDiffers")("TaskDiffers", {
  machine: Schema.String,
  value: Schema.Literals(["payload", "success", "error"])
}) {
  override get message(): string {
    return `the ${this.value} schema of the task on the machine ${
      shortenName(this.machine)
    } is not that of this program`
  }
}

/**
 * A value that makes a message larger than its transport carries.
 *
 * **Details**
 *
 * Units: `bytes` of the value as it is sent, and `most` that a message may have.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooLarge extends Schema.TaggedError<TooLarge>("effect-parallel/Backend/TooLarge")("TooLarge", {
  value: Schema.Literals(["payload", "success", "error"]),
  bytes: Schema.Int,
  most: Schema.Int
}) {
  override get message(): string {
    return `the ${this.value} has ${this.bytes} bytes, and a message may have ${this.most}`
  }
}

/** The classes of all reasons. */
export const reasons = [
  ValueRefused,
  NotCloneable,
  ModuleMissing,
  ModuleFailed,
  TaskMissing,
  ProgramStarted,
  LayerFailed,
  WorkerCrashed,
  NoWorkers,
  MachineLost,
  Unreachable,
  TaskUnknown,
  TaskDiffers,
  TooLarge
] as const

/**
 * The backend could not bring an input to the task, or its result back: the task's own errors are never wrapped in it.
 *
 * **Details**
 *
 * `index` is the input's place in its run, from 0; a task that was called by itself has none. `reason` tells what went
 * wrong, for `Effect.catchReason`.
 *
 * @category errors
 * @since 0.1.0
 */
export class BackendError extends Schema.TaggedError<BackendError>("effect-parallel/Backend/BackendError")(
  "BackendError",
  {
    backend: Schema.String,
    task: Schema.String,
    index: Schema.optionalKey(Schema.Int),
    reason: Schema.Union(reasons)
  }
) {
  get [BackendErrorTypeId](): true {
    return true
  }
  override get message(): string {
    const input = this.index === undefined ? "" : `, input #${this.index}`
    return `task ${shortenName(this.task)}${input}, backend ${shortenName(this.backend)}: ${this.reason.message}`
  }
}

/**
 * The reason of an error about the input at a position of a batch, with the input shown as the run shows its inputs.
 *
 * @category converting
 * @since 0.1.0
 */
export const shownBy = (
  { inputs, show }: {
    readonly inputs: ReadonlyArray<unknown>
    readonly show?: ((input: never) => string) | undefined
  },
  position: number,
  reason: BackendError["reason"]
): BackendError["reason"] =>
  show === undefined || reason._tag !== "ValueRefused" || reason.value !== "payload"
    ? reason
    : new ValueRefused({ value: "payload", shown: shortenInput(inputs[position], show), issue: reason.issue })
