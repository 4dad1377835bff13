/**
 * Errors of delivering inputs to a task and results back. The errors of the task itself are not among them.
 */
import * as Schema from "effect/Schema"
import { prefix, printable } from "../primitives/printable.ts"
import { shorten, shortenInput, shortenMessage, shortenName } from "../primitives/shorten.ts"
import { BackendErrorTypeId } from "./stacks.ts"

/** Shows what a schema says, in several lines. */
const explained = (text: string): string => printable(prefix(text, 1000))

/**
 * A schema of the task refuses a value, so the value cannot be sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class ValueRefused extends Schema.TaggedError<ValueRefused>("effect-parallel/Backend/ValueRefused")(
  "ValueRefused",
  {
    /** Which value of the task it is, and so which schema refuses it. */
    value: Schema.Literals(["payload", "success", "error"]),
    /** The value as a text: the payload as the option `show` of the run shows it, otherwise the value, shortened. */
    shown: Schema.String,
    /** Why the schema refuses it. */
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
  /** Why: the error of the layer, or its defect. */
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `its layer could not be built: ${shorten(this.cause)}`
  }
}

/**
 * The worker ended while it ran this input: it called `process.exit`, was killed, ran out of memory, or threw an error
 * that nothing caught.
 *
 * **Details**
 *
 * If no worker could be started, there is neither an `exitCode` nor a `signal`.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerCrashed extends Schema.TaggedError<WorkerCrashed>("effect-parallel/Backend/WorkerCrashed")(
  "WorkerCrashed",
  {
    /** Exit code of the worker; undefined if a signal ended it. */
    exitCode: Schema.optionalKey(Schema.Int),
    /** Name of the signal that ended the worker, such as `SIGKILL`. */
    signal: Schema.optionalKey(Schema.String),
    /** The last lines that the worker wrote to its standard error. */
    stderr: Schema.String
  }
) {
  override get message(): string {
    const how = this.signal !== undefined
      ? `its worker was ended by ${shortenName(this.signal)}`
      : this.exitCode !== undefined
      ? `its worker exited with code ${this.exitCode}`
      : "its worker could not be started"
    return this.stderr === "" ? how : `${how}: ${shortenMessage(this.stderr)}`
  }
}

/**
 * A value holds something that cannot be cloned, such as a function, a promise or a handle, so it cannot be sent.
 *
 * **Details**
 *
 * Send less, or give the task a schema that encodes the value as plain data.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotCloneable extends Schema.TaggedError<NotCloneable>("effect-parallel/Backend/NotCloneable")(
  "NotCloneable",
  {
    /** Which value of the task it is. */
    value: Schema.Literals(["payload", "success", "error"]),
    /** The way to the part that cannot be cloned, such as `.jobs[3].callback`; empty for the value itself. */
    path: Schema.String,
    /** Why it cannot be cloned. */
    issue: Schema.String
  }
) {
  override get message(): string {
    const where = this.path === "" ? "" : ` at ${shortenName(this.path)}`
    return `the ${this.value} cannot be cloned${where}: ${shortenName(this.issue)}`
  }
}

/**
 * A worker cannot find the task's module.
 *
 * **Details**
 *
 * The `module` of a task has to be the `import.meta.url` of a file that exists when the worker starts.
 *
 * @category errors
 * @since 0.1.0
 */
export class ModuleMissing extends Schema.TaggedError<ModuleMissing>("effect-parallel/Backend/ModuleMissing")(
  "ModuleMissing",
  {
    /** URL of the module. */
    module: Schema.String
  }
) {
  override get message(): string {
    return `its worker cannot find the module ${shortenName(this.module)}`
  }
}

/**
 * The task's module threw an error, or ended the worker, when the worker imported it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ModuleFailed extends Schema.TaggedError<ModuleFailed>("effect-parallel/Backend/ModuleFailed")(
  "ModuleFailed",
  {
    /** URL of the module. */
    module: Schema.String,
    /** What the module threw, or how the worker ended. */
    cause: Schema.Defect()
  }
) {
  override get message(): string {
    return `its worker could not import ${shortenName(this.module)}: ${shorten(this.cause)}`
  }
}

/**
 * The task's module does not export a task with its name.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskMissing extends Schema.TaggedError<TaskMissing>("effect-parallel/Backend/TaskMissing")(
  "TaskMissing",
  {
    /** URL of the module. */
    module: Schema.String,
    /** Name of the task. */
    task: Schema.String,
    /** Names of the tasks that the module exports. */
    found: Schema.Array(Schema.String)
  }
) {
  override get message(): string {
    const found = this.found.length === 0 ? "no task" : shortenName(this.found.join(", "))
    return `${shortenName(this.module)} exports no task ${shortenName(this.task)}; it exports ${found}`
  }
}

/**
 * The task's module starts the program again when a worker imports it.
 *
 * **Details**
 *
 * Put the task into a module of its own. From Node.js 24.2 on, the module may also start the program only
 * `if (import.meta.main)`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProgramStarted extends Schema.TaggedError<ProgramStarted>("effect-parallel/Backend/ProgramStarted")(
  "ProgramStarted",
  {
    /** URL of the module. */
    module: Schema.String
  }
) {
  override get message(): string {
    return `${
      shortenName(this.module)
    } starts its program when a worker imports it: put the task into a module of its own, ` +
      "or, from Node.js 24.2 on, start the program only `if (import.meta.main)`"
  }
}

/**
 * No worker started the input: there was no machine for too long, or the backend gave the input back every time.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoWorkers extends Schema.TaggedError<NoWorkers>("effect-parallel/Backend/NoWorkers")("NoWorkers", {
  /** How long the run tried, in milliseconds. */
  millis: Schema.Finite,
  /** How many times the input came back without having started; 0 if there was no worker to send it to. */
  givenBack: Schema.Int
}) {
  override get message(): string {
    const seconds = `${this.millis / 1000} s`
    return this.givenBack === 0
      ? `there was no worker to run it for ${seconds}`
      : `no worker started it in ${seconds}; it was given back ${this.givenBack} times`
  }
}

/**
 * As many machines as the option `maxLosses` allows were lost while they had this input.
 *
 * @category errors
 * @since 0.1.0
 */
export class MachineLost extends Schema.TaggedError<MachineLost>("effect-parallel/Backend/MachineLost")("MachineLost", {
  /** Name of the last machine that was lost. */
  machine: Schema.String,
  /** How the last machine was lost: its connection was gone, or it was silent for its lease. */
  how: Schema.Literals(["gone", "silent"]),
  /** How many machines were lost. */
  losses: Schema.Int
}) {
  override get message(): string {
    const machine = shortenName(this.machine)
    const how = this.how === "gone" ? "lost its connection" : "was silent for its lease"
    return this.losses === 1
      ? `the machine ${machine} ${how} while it had the input`
      : `${this.losses} machines were lost while they had the input; the last, ${machine}, ${how}`
  }
}

/**
 * The machines could not be reached for too long, for instance because the queue or the network was down.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreachable extends Schema.TaggedError<Unreachable>("effect-parallel/Backend/Unreachable")("Unreachable", {
  /** How long the program tried, in milliseconds. */
  millis: Schema.Finite,
  /** The last error of the transport. */
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the machines could not be reached for ${this.millis / 1000} s: ${shorten(this.cause)}`
  }
}

/**
 * A machine took the input, but does not have its task.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskUnknown extends Schema.TaggedError<TaskUnknown>("effect-parallel/Backend/TaskUnknown")("TaskUnknown", {
  /** Name of the machine. */
  machine: Schema.String,
  /** Names of the tasks that the machine was started with. */
  found: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const found = this.found.length === 0 ? "none" : shortenName(this.found.join(", "))
    return `the machine ${shortenName(this.machine)} does not have this task; its tasks: ${found}`
  }
}

/**
 * A machine has a task with this name but with another schema: program and machine run different versions.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskDiffers extends Schema.TaggedError<TaskDiffers>("effect-parallel/Backend/TaskDiffers")("TaskDiffers", {
  /** Name of the machine. */
  machine: Schema.String,
  /** Which schema differs. */
  value: Schema.Literals(["payload", "success", "error"])
}) {
  override get message(): string {
    return `the machine ${
      shortenName(this.machine)
    } has another ${this.value} schema for this task: run the same version there`
  }
}

/**
 * A value is too large for a message of the transport.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooLarge extends Schema.TaggedError<TooLarge>("effect-parallel/Backend/TooLarge")("TooLarge", {
  /** Which value of the task it is. */
  value: Schema.Literals(["payload", "success", "error"]),
  /** Size of the value as it is sent, in bytes. */
  bytes: Schema.Int,
  /** Greatest size of a message, in bytes. */
  most: Schema.Int
}) {
  override get message(): string {
    return `the ${this.value} has ${this.bytes} bytes, but a message may have at most ${this.most}`
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
 * The backend could not deliver an input to the task, or the result back to the program.
 *
 * **Details**
 *
 * The task's own errors are never wrapped in it. Handle it with `Effect.catchTag`, or one of its reasons with
 * `Effect.catchReason`.
 *
 * @category errors
 * @since 0.1.0
 */
export class BackendError extends Schema.TaggedError<BackendError>("effect-parallel/Backend/BackendError")(
  "BackendError",
  {
    /** Name of the backend. */
    backend: Schema.String,
    /** Name of the task. */
    task: Schema.String,
    /** Index of the input in its run, from 0; undefined if the task was called directly. */
    index: Schema.optionalKey(Schema.Int),
    /** What went wrong. */
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
 * Shows an input in the reason of an error as the run shows its inputs.
 *
 * **When to use**
 *
 * Use in a backend of your own, for each `BackendError` about the input at a position of a batch.
 *
 * **Details**
 *
 * Changes only a `ValueRefused` of a payload, in a run with the option `show`. Returns any other reason unchanged.
 *
 * **Example** (Hiding a secret in an error)
 *
 * ```ts
 * import { Backend } from "effect-parallel"
 *
 * const refused = new Backend.ValueRefused({ value: "payload", shown: "hunter2", issue: "too short" })
 * const batch = { inputs: [{ user: "ada", password: "hunter2" }], show: ({ user }: { user: string }) => user }
 *
 * console.log(Backend.shownBy(batch, 0, refused).message) // => "the payload schema refuses ada: too short"
 * ```
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
