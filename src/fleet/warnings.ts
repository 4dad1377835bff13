/**
 * What a program or a machine says of what goes wrong, and of what is well again. Of some kinds only the first is said: whoever
 * writes to the queue by hand does not fill the log.
 */
import * as Effect from "effect/Effect"

export class Warnings {
  private readonly who: string
  private readonly log: (effect: Effect.Effect<void>) => unknown
  private readonly said = new Set<string>()

  constructor(who: string, log: (effect: Effect.Effect<void>) => unknown) {
    this.who = who
    this.log = log
  }

  say(message: string, ...more: ReadonlyArray<unknown>): void {
    this.log(Effect.logWarning(`${this.who}: ${message}`, ...more))
  }

  /** Says what is well again. */
  tell(message: string): void {
    this.log(Effect.logInfo(`${this.who}: ${message}`))
  }

  /** Says the first of a kind. */
  once(kind: string, message: string, ...more: ReadonlyArray<unknown>): void {
    if (!this.said.has(kind)) this.say(message, ...more)
    this.said.add(kind)
  }
}
