/**
 * Permits whose number follows what a service bears, as its answers tell.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { wrongType } from "../primitives/check.ts"
import { type Bounds, Law, type Token } from "./law.ts"
import { Permits } from "./permits.ts"
import type { Ended, Pass, Request } from "./visit.ts"

/** What the user says of an error: whether it means overload, or how long the service asks to be left alone. */
export type Overload = (error: unknown) => boolean | Duration.Input

export class AdaptivePermits extends Permits {
  readonly current: Effect.Effect<number> = Effect.sync(() => this.size)
  private readonly law: Law
  private readonly overload: Overload
  private readonly tokens = new Map<Pass, Token>()
  /** Time until which nothing starts, and time that was seen last, in milliseconds. */
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
    // one that is lent takes no slot of the service beside its lender's
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
      mistake = defect ?? new TypeError("`overload` threw nothing")
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
    // a clock that has gone back is another one
    if (now < this.seenAt) this.pausedUntil = -Infinity
    this.seenAt = now
    return Math.max(0, this.pausedUntil - now)
  }
}

/** Returns the milliseconds of the pause that overload asks for, 0 for one that is over; false if it is none. */
const verdictOf = (verdict: boolean | Duration.Input): number | false => {
  if (typeof verdict === "boolean") return verdict && 0
  const pause = Option.filter(Duration.fromInput(verdict), Duration.isFinite)
  if (Option.isNone(pause) || Number.isNaN(verdict)) {
    return wrongType("overload(error)", "a boolean or a finite duration", verdict)
  }
  return Math.max(0, Duration.toMillis(pause.value))
}
