/**
 * Log entries of a program or a machine about problems and recoveries. Some kinds are logged only once, so that invalid
 * entries in the queue do not fill the log.
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

  /** Logs a recovery. */
  tell(message: string): void {
    this.log(Effect.logInfo(`${this.who}: ${message}`))
  }

  /** Logs only the first warning of a kind. */
  once(kind: string, message: string, ...more: ReadonlyArray<unknown>): void {
    if (!this.said.has(kind)) this.say(message, ...more)
    this.said.add(kind)
  }
}
