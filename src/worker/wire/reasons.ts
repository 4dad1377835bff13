/**
 * Reasons of errors of a backend in the form in which they cross.
 */
import {
  type BackendError,
  LayerFailed,
  MachineLost,
  ModuleFailed,
  ModuleMissing,
  NotCloneable,
  NoWorkers,
  ProgramStarted,
  TaskDiffers,
  TaskMissing,
  TaskUnknown,
  TooLarge,
  Unreachable,
  ValueRefused,
  WorkerCrashed
} from "../../task/errors.ts"
import type { Crossing } from "./crossing.ts"
import type { Fault } from "./messages.ts"
import { decodeThrown, encodeThrown } from "./thrown.ts"

/** Reason of an error of a backend. */
export type Reason = BackendError["reason"]

/** Classes of reasons whose fields all cross as they are. */
const plain = {
  ValueRefused,
  NotCloneable,
  ModuleMissing,
  TaskMissing,
  ProgramStarted,
  WorkerCrashed,
  NoWorkers,
  MachineLost,
  TaskUnknown,
  TaskDiffers,
  TooLarge
}

/** Classes of reasons that have a cause. */
const caused = { LayerFailed, ModuleFailed, Unreachable }

/** Makes the reason that a fault is. Throws if it is none: a worker may have sent anything. */
export const reasonOf = (fault: Fault): Reason => {
  const { _tag, error, ...fields } = fault as Fault & { readonly error?: Parameters<typeof decodeThrown>[0] }
  if (Object.hasOwn(plain, _tag)) return new plain[_tag as "NoWorkers"](fields as never)
  return new caused[_tag as "ModuleFailed"]({ ...fields, cause: decodeThrown(error!) } as never)
}

/** Makes the fault of a reason. */
export const faultOf = (reason: Reason, crossing: Crossing): Fault => {
  const fields = Object.fromEntries(
    Object.entries(reason).filter(([key]) => key !== "cause" && key !== "stack" && key !== "message")
  )
  const fault = { ...fields, _tag: reason._tag }
  return ("cause" in reason ? { ...fault, error: encodeThrown(reason.cause, crossing) } : fault) as Fault
}
