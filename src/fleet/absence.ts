/**
 * The absence of machines: it is said once, when something has waited for one for a while, and when there is one again.
 */
import type { Machines } from "./machines.ts"
import type { Warnings } from "./warnings.ts"

/** Share of the patience after which it is said. */
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

  /** Looks at whether something has to be said, as something waits since then: infinity if nothing does. */
  look(since: number, now: number): void {
    const { emptySince } = this.machines
    if (emptySince === undefined) {
      if (this.isSaid) this.warnings.tell("there are machines now")
      this.isSaid = false
    } else if (!this.isSaid && now - Math.max(emptySince, since) >= this.millis) {
      this.isSaid = true
      this.warnings.say("there is no machine, and what is run waits for one")
    }
  }
}
