/**
 * The monotonic clock of the machine in milliseconds, which the program and all its workers share.
 */
import { epochOf, timer } from "../../primitives/monotonic.ts"

/** Offset from the clock of this thread to that of the machine, in milliseconds. */
export const epoch = epochOf(() => Number(process.hrtime.bigint()) / 1e6)

/** Reads the monotonic clock of the machine. */
export const machineNow = (): number => timer.now() + epoch
