/**
 * Rates: a bucket of tokens. Each attempt takes its cost from the bucket when it starts, and the tokens come back one
 * after another.
 *
 * Effect's `RateLimiter` gives tokens to every caller that asks, even to one that has to wait: a caller that waits has
 * already spent them. Here the first in line takes its tokens in the step in which it starts, together with those of
 * its other limits. For that the bucket has to answer immediately, so a bucket in memory is a few numbers. A bucket
 * that programs share belongs to a `RateLimiter`, and only the first in line asks it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { numberWhere, outOfRange, wrongType } from "../primitives/check.ts"
import { monotonicClock } from "../primitives/clock.ts"
import type * as Contract from "./contract.ts"
import { Turnstile } from "./turnstile.ts"
import { type Ended, type Pass, Passes, type Request, type Visit } from "./visit.ts"

/**
 * Longest wait of a batch for its tokens, in milliseconds: a batch has at most as many inputs as tokens come back in
 * that time.
 */
const batchMillis = 25

/** Least difference that counts between two numbers of tokens. Anything less comes from rounding. */
const leastTokens = 1e-9

export interface RateOptions {
  readonly name: string
  /** Greatest number of tokens, and the milliseconds in which one comes back. */
  readonly burst: number
  readonly millisPerToken: number
  readonly cost: ((input: any) => number) | undefined
  /** Name of the bucket in a `RateLimiter`, if programs may share it. */
  readonly key: string | undefined
}

/** Tokens that an attempt has taken. */
class Taken implements Pass {
  private readonly rate: Bucket
  private units: number

  constructor(rate: Bucket, units: number) {
    this.rate = rate
    this.units = units
  }

  readonly end = ({ unused }: Ended): void => {
    this.rate.running--
    if (unused > 0) this.rate.putBack(this.units * unused)
  }

  /** Takes what is missing to the true cost, or puts back what was taken in excess. */
  settle(units: number): Effect.Effect<void> {
    const difference = units - this.units
    this.units = units
    return this.rate.correct(difference)
  }
}

/** A bucket, in memory or in a `RateLimiter`. */
abstract class Bucket extends Turnstile {
  readonly name: string
  readonly size: number
  protected readonly options: RateOptions

  constructor(options: RateOptions) {
    super(true)
    this.options = options
    this.name = options.name
    this.size = options.burst
  }

  override request(visit: Visit): Request {
    return { turnstile: this, units: this.costOf(visit), lender: undefined }
  }

  take({ units }: Request, now: number): Pass {
    this.running++
    this.spend(units, now)
    return new Taken(this, units)
  }

  /** Takes tokens out. */
  protected abstract spend(units: number, now: number): void
  /** Puts back tokens of inputs that were not started. */
  abstract putBack(units: number): void
  /** Takes out more tokens, even those that have not come back yet, or puts some back if `units` is negative. */
  abstract correct(units: number): Effect.Effect<void>

  /** Returns the cost of the inputs of a visit. Throws if it is not a valid cost, or can never be paid. */
  private costOf({ input, inputs }: Visit): number {
    const { cost } = this.options
    if (cost === undefined) return inputs
    const units: unknown = cost(input)
    if (typeof units !== "number") return wrongType("cost(input)", "a number", units)
    if (!(units >= 0 && units <= this.size)) {
      return outOfRange("cost(input)", `from 0 to ${this.size}, the most that ${this.name} has at once`, units)
    }
    return units
  }
}

export class TokenBucket extends Bucket {
  override readonly mostOfBatch: number | undefined
  private level: number
  /** Time up to which tokens have come back, in milliseconds. */
  private filledAt = -Infinity
  /** Shared buckets, by the rate limiter that was provided. */
  private readonly elsewhere = new WeakMap<RateLimiter.RateLimiter, SharedBucket>()

  constructor(options: RateOptions) {
    super(options)
    this.level = options.burst
    this.mostOfBatch = options.cost === undefined
      ? Math.max(1, Math.min(options.burst, Math.floor(batchMillis / options.millisPerToken)))
      : undefined
  }

  override request(visit: Visit): Request {
    const shared = this.sharedBy(visit.context)
    return shared === undefined ? super.request(visit) : shared.request(visit)
  }

  delay({ units }: Request, now: number): number {
    this.fill(now)
    const missing = units - this.level
    return missing <= leastTokens ? 0 : missing * this.options.millisPerToken
  }

  /** Corrects the cost that the attempt around has taken. Outside of an attempt, the whole cost is taken. */
  readonly settle = (units: number): Effect.Effect<void> => {
    numberWhere("cost", units, "a finite number of at least 0", (n) => Number.isFinite(n) && n >= 0)
    return Effect.withFiber((fiber) => {
      const bucket = this.sharedBy(fiber.context) ?? this
      const taken = fiber.getRef(Passes).get(bucket)
      return taken instanceof Taken ? taken.settle(units) : bucket.correct(units)
    })
  }

  override readonly state: Effect.Effect<Contract.State> = Effect.withFiber((fiber) => {
    const bucket = this.sharedBy(fiber.context) ?? this
    return Effect.succeed(bucket.stateAt(monotonicClock(fiber.getRef(Clock.Clock))()))
  })

  protected freeAt(now: number): number {
    this.fill(now)
    return Math.max(0, this.level)
  }

  protected spend(units: number, now: number): void {
    this.fill(now)
    this.level -= units
  }

  putBack(units: number): void {
    this.level = Math.min(this.size, this.level + units)
    this.serve()
  }

  correct(units: number): Effect.Effect<void> {
    return Effect.sync(() => this.putBack(-units))
  }

  /** Adds the tokens that have come back. A clock that has gone back is a different clock: time counts from there. */
  private fill(now: number): void {
    const millis = now - this.filledAt
    this.filledAt = now
    if (millis > 0) this.level = Math.min(this.size, this.level + millis / this.options.millisPerToken)
  }

  /** Returns the shared bucket in the rate limiter that is provided. Returns undefined without a key or a limiter. */
  private sharedBy(context: Context.Context<never>): SharedBucket | undefined {
    if (this.options.key === undefined) return undefined
    const limiter = Option.getOrUndefined(Context.getOption(context, RateLimiter.RateLimiter))
    if (limiter === undefined) return undefined
    const known = this.elsewhere.get(limiter)
    if (known !== undefined) return known
    const shared = new SharedBucket(limiter, this.options)
    this.elsewhere.set(limiter, shared)
    return shared
  }
}

/** A bucket in a `RateLimiter`. The first in line gets tokens from there, and they are kept here until it starts. */
class SharedBucket extends Bucket {
  private readonly limiter: RateLimiter.RateLimiter
  private readonly bucket: Parameters<RateLimiter.RateLimiter["consume"]>[0]
  /** Number of tokens that were fetched and not taken, and the time before which asking again is of no use. */
  private here = 0
  private notBefore = -Infinity
  /** Number of tokens in the shared bucket at its last answer. */
  private there: number

  constructor(limiter: RateLimiter.RateLimiter, options: RateOptions) {
    super(options)
    const { burst, key, millisPerToken } = options
    this.limiter = limiter
    this.there = burst
    this.bucket = { algorithm: "token-bucket", key: key!, limit: burst, window: burst * millisPerToken }
  }

  delay({ units }: Request, now: number): number {
    return this.here >= units ? 0 : Math.max(0, this.notBefore - now)
  }

  override inquiry({ units }: Request): Effect.Effect<void> | undefined {
    if (this.here >= units) return undefined
    return Effect.flatMap(Clock.Clock, (clock) => {
      const now = monotonicClock(clock)
      if (now() < this.notBefore) return Effect.void
      return Effect.uninterruptible(
        Effect.flatMap(Effect.exit(this.consume(units - this.here, "fail")), (exit) => {
          if (Exit.isSuccess(exit)) {
            this.here = units
            this.there = exit.value.remaining
            return Effect.void
          }
          const error = Option.getOrUndefined(Exit.findErrorOption(exit))
          if (error?.reason._tag !== "RateLimitExceeded") return Effect.orDie(exit)
          this.there = 0
          this.notBefore = now() + Math.max(1, Duration.toMillis(error.reason.retryAfter))
          return Effect.void
        })
      )
    })
  }

  override get returned(): Effect.Effect<void> | undefined {
    return this.here === 0 || this.line.size > 0 ? undefined : Effect.suspend(() => {
      const { here } = this
      this.here = 0
      return this.correct(-here)
    })
  }

  protected freeAt(): number {
    return Math.max(0, this.there + this.here)
  }

  protected spend(units: number): void {
    this.here -= units
  }

  putBack(units: number): void {
    this.here += units
    this.serve()
  }

  correct(units: number): Effect.Effect<void> {
    if (units === 0) return Effect.void
    const corrected = units > 0
      ? this.consume(units, "delay")
      // no more than fits in, since time may have filled the bucket meanwhile
      : Effect.flatMap(
        this.consume(0, "delay"),
        ({ remaining }) => this.consume(-Math.min(-units, Math.max(0, this.size - remaining)), "delay")
      )
    return Effect.orDie(Effect.map(corrected, ({ remaining }) => void (this.there = remaining)))
  }

  private consume(tokens: number, onExceeded: "delay" | "fail") {
    return this.limiter.consume({ ...this.bucket, tokens, onExceeded })
  }
}
