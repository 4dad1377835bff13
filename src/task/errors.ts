/**
 * Errors of the way to a task and back, apart from the errors of the task itself.
 */
import * as Schema from "effect/Schema"
import { prefix, printable } from "../primitives/printable.ts"
import { shorten, shortenMessage, shortenName } from "../primitives/shorten.ts"
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
    reason: Schema.Union([
      ValueRefused,
      NotCloneable,
      ModuleMissing,
      ModuleFailed,
      TaskMissing,
      ProgramStarted,
      LayerFailed,
      WorkerCrashed
    ])
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
