/**
 * Warns once if something has waited for a machine for a while and there is none, and logs when there is one again.
 */
import type { Machines } from "./machines.ts"
import type { Warnings } from "./warnings.ts"

/** Share of the patience after which the warning is logged. */
const share = 1 / 6

export class Absence {
  private isSaid = false
  private readonly machines: Machines
  private readonly millis: number
  private readonly warnings: Warnings

  constructor(machines: Machines, patience: number, warnings: Warnings) {
    this.machines = machines
    this.millis = patience * share
    this.warnings = warnings
  }

  /** Logs if necessary. `since` is the time since which something waits, or infinity if nothing does. */
  look(since: number, now: number): void {
    const { emptySince } = this.machines
    if (emptySince === undefined) {
      if (this.isSaid) this.warnings.tell("a machine has joined")
      this.isSaid = false
    } else if (!this.isSaid && now - Math.max(emptySince, since) >= this.millis) {
      this.isSaid = true
      this.warnings.say("there is no machine; tasks wait for one")
    }
  }
}
