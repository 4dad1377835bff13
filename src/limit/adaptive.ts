/**
 * Permits whose number follows what a service can take, learned from its answers.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { wrongType } from "../primitives/check.ts"
import { type Bounds, Law, type Token } from "./law.ts"
import { Permits } from "./permits.ts"
import type { Ended, Pass, Request } from "./visit.ts"

/** Verdict of the user about an error: whether it means overload, or for how long the service asks for no calls. */
export type Overload = (error: unknown) => boolean | Duration.Input

export class AdaptivePermits extends Permits {
  readonly current: Effect.Effect<number> = Effect.sync(() => this.size)
  private readonly law: Law
  private readonly overload: Overload
  private readonly tokens = new Map<Pass, Token>()
  /** Time until which nothing starts, and the latest time seen, both in milliseconds. */
  private pausedUntil = -Infinity
  private seenAt = -Infinity

  constructor(bounds: Bounds, overload: Overload, name: string) {
    const law = new Law(bounds)
    super(law.size, name)
    this.law = law
    this.overload = overload
  }

  override take(request: Request, now: number): Pass {
    const before = this.used
    const permit = super.take(request, now)
    // a borrowed permit takes no slot of the service in addition to its lender's
    if (this.used > before) this.tokens.set(permit, this.law.began(now))
    return permit
  }

  override learn(permit: Pass, { error, isSuccess, now }: Ended): unknown {
    const token = this.tokens.get(permit)
    this.tokens.delete(permit)
    let mistake: unknown = undefined
    let verdict: number | false = false
    try {
      if (error !== undefined) verdict = verdictOf(this.overload(error.value))
    } catch (defect) {
      mistake = defect ?? new TypeError("`overload` threw without a value")
    }
    if (verdict !== false) this.pausedUntil = now + Math.max(verdict, this.pause(now))
    if (token === undefined) return mistake
    if (verdict !== false) this.law.refused(token, now, verdict)
    else if (isSuccess || (error !== undefined && mistake === undefined)) this.law.succeeded(token, now)
    else this.law.ended(token)
    this.change(this.law.size)
    return mistake
  }

  protected override pause(now: number): number {
    // a clock that has gone back is a different clock
    if (now < this.seenAt) this.pausedUntil = -Infinity
    this.seenAt = now
    return Math.max(0, this.pausedUntil - now)
  }
}

/**
 * Returns the length of the pause that an overload asks for, in milliseconds, or 0 for a pause that is over. Returns
 * false if there is no overload.
 */
const verdictOf = (verdict: boolean | Duration.Input): number | false => {
  if (typeof verdict === "boolean") return verdict && 0
  const pause = Option.filter(Duration.fromInput(verdict), Duration.isFinite)
  if (Option.isNone(pause) || Number.isNaN(verdict)) {
    return wrongType("overload(error)", "a boolean or a finite duration", verdict)
  }
  return Math.max(0, Duration.toMillis(pause.value))
}
