/**
 * The absence of machines: it is said once, when something has waited for one for a while, and when there is one again.
 */
import * as Effect from "effect/Effect"
import type { Machines } from "./machines.ts"

/** Share of the patience after which it is said. */
const share = 1 / 6

export class Absence {
  private isSaid = false
  private readonly machines: Machines
  private readonly millis: number
  private readonly log: (effect: Effect.Effect<void>) => unknown
  private readonly name: string

  constructor(machines: Machines, patience: number, name: string, log: (effect: Effect.Effect<void>) => unknown) {
    this.machines = machines
    this.millis = patience * share
    this.name = name
    this.log = log
  }

  /** Looks at whether something has to be said, as something waits since then: infinity if nothing does. */
  look(since: number, now: number): void {
    const { emptySince } = this.machines
    if (emptySince === undefined) {
      if (this.isSaid) this.log(Effect.logInfo(`${this.name}: there are machines now`))
      this.isSaid = false
    } else if (!this.isSaid && now - Math.max(emptySince, since) >= this.millis) {
      this.isSaid = true
      this.log(Effect.logWarning(`${this.name}: there is no machine, and what is run waits for one`))
    }
  }
}
