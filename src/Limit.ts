/**
 * How often, or how many at once, work may start: limits that several runs and programs share.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { hasProperty } from "effect/Predicate"
import {
  knownKeys,
  nonEmptyString,
  outOfRange,
  positiveDuration,
  positiveInteger,
  wrongType
} from "./primitives/check.ts"
import { Permits } from "./primitives/permits.ts"

const TypeId = "~effect-parallel/Limit"

/** Milliseconds in which as many inputs of a batch may start as it has: for so long a batch waits for its tokens. */
const batchMillis = 25

/**
 * A rule that an attempt passes before it starts.
 *
 * **When to use**
 *
 * Use `concurrency` when a resource bears so many users at once, `rate` when a service counts calls, `adaptive` when
 * it tells by its failures that it has had enough. One value is shared by every run that names it.
 *
 * **Details**
 *
 * A limit is taken around the attempt only: not while an input waits in the queue or for its retry. The attempt's
 * timeout starts when all its limits have let it through. While it waits for a limit it keeps its slot of the run's
 * `concurrency`. Where inputs go to workers in batches, `concurrency` and `rate` are taken by the batch: one permit, since a
 * worker takes its inputs one after another, and a token for each input. Under `concurrency` and `adaptive` an attempt lends its permit to the runs that it starts, so that
 * nested runs under one limit never exceed it and never wait for themselves; interruption while waiting takes it out of
 * the line.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** Of several limits on one attempt, those with the lower rank are taken first. */
  readonly rank: number
  readonly around: <A, E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * How a batch of inputs passes, of which a worker takes one after another; at most `most` inputs pass together. Absent
   * where each attempt has to pass by itself: then a run sends one input in a message.
   */
  readonly batch?: {
    readonly most: number
    readonly around: <A, E, R>(inputs: number, batch: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  } | undefined
}

/**
 * Tells whether a value is a limit.
 *
 * @category guards
 * @since 0.1.0
 */
export const isLimit = (u: unknown): u is Limit => hasProperty(u, TypeId)

/**
 * A limit of your own: anything that can be said around an attempt.
 *
 * **Details**
 *
 * `around` is called once for every attempt, and the effect that it gives runs in its place. Of several limits on one
 * attempt those that were made first are taken first, whatever the order they are named in, and rates last: so two runs
 * that hold the same limits never wait for each other. Errors: none; a missing `name` or `around` is a defect.
 *
 * **Gotchas**
 *
 * `around` has to run the attempt once, and to give back what it holds when it is interrupted. Such a limit does not
 * lend: if it holds something while the attempt runs, a nested run that names it too may wait for ever.
 *
 * **Example** (A note of each attempt)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, Parallel } from "effect-parallel"
 *
 * let ended = 0
 * const counted = Limit.make({
 *   name: "counted",
 *   around: (attempt) => Effect.ensuring(attempt, Effect.sync(() => ended++))
 * })
 * await Effect.runPromise(Parallel.forEach(["a", "b"], Effect.succeed, { limit: counted }))
 *
 * console.log(ended) // => 2
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: { readonly name: string; readonly around: Limit["around"] }): Limit => {
  knownKeys("Limit.make options", options, ["name", "around"])
  const { around, name } = options
  if (typeof around !== "function") wrongType("around", "a function", around)
  return { [TypeId]: TypeId, name: nonEmptyString("name", name), rank: nextRank(), around }
}

/**
 * At most `permits` attempts at once, over all runs that name this limit, nested ones too.
 *
 * **Details**
 *
 * Units: `permits` is a positive integer. First come, first served. A nested run borrows the permit of the attempt that
 * started it, one nested attempt at a time, beside what is free: 8 runs of 8 inputs nested in 8 attempts under one
 * `Limit.concurrency(8)` keep 8 inner attempts in flight. Errors: none; another `permits` is a defect.
 *
 * **Gotchas**
 *
 * Nested runs that name different limits must name them in the same order, outer to inner, or they may wait for each
 * other for ever.
 *
 * **Example** (Two runs that share a database)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, Parallel } from "effect-parallel"
 *
 * const database = Limit.concurrency(4)
 * const load = (id: number) => Effect.succeed(`row ${id}`)
 *
 * const program = Effect.all([
 *   Parallel.forEach([1, 2, 3], load, { concurrency: 8, limit: database }),
 *   Parallel.forEach([4, 5, 6], load, { concurrency: 8, limit: database })
 * ], { concurrency: 2 })
 *
 * console.log(await Effect.runPromise(program)) // => [["row 1", "row 2", "row 3"], ["row 4", "row 5", "row 6"]]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const concurrency = (permits: number, options?: { readonly name?: string | undefined }): Limit => {
  const pool = new Permits(positiveInteger("permits", permits))
  knownKeys("Limit.concurrency options", options ?? {}, ["name"])
  return {
    ...make({
      name: options?.name ?? `concurrency(${permits})`,
      around: (attempt) => pool.hold(attempt)
    }),
    batch: { most: Infinity, around: (_, batch) => pool.hold(batch) }
  }
}

/**
 * At most `limit` starts in each `window`, as a token bucket: a full bucket lets `limit` attempts start at once, and
 * then one token comes back every `window / limit`.
 *
 * **Details**
 *
 * Units: `limit` is a positive integer, `window` a positive, finite duration. Every attempt takes one token: retries,
 * copies of stragglers and nested attempts too. Each limit has a bucket of its own in memory. With a `key`, and an
 * Effect `RateLimiter` provided around the run (on a store in Redis, say), it is that limiter's bucket of this name
 * instead, which all programs share that name it: so nothing is shared that has not been given a name. Errors: none of
 * its own; a store that fails is a defect of the attempt.
 *
 * **Gotchas**
 *
 * An attempt that is interrupted while it waits for its token has spent it. A batch has spent the tokens of all its inputs
 * when it begins; one that is dispatched again takes another. A batch has no more inputs than may start within 25 ms.
 *
 * **Example** (At most 200 calls a second)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, Parallel } from "effect-parallel"
 *
 * const api = Limit.rate({ limit: 200, window: "1 second" })
 * const lengths = Parallel.forEach(["a", "bb"], (text) => Effect.succeed(text.length), { limit: api })
 *
 * console.log(await Effect.runPromise(lengths)) // => [1, 2]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const rate = (options: {
  readonly limit: number
  readonly window: Duration.Input
  readonly key?: string | undefined
}): Limit => {
  knownKeys("Limit.rate options", options, ["limit", "window", "key"])
  const limit = positiveInteger("limit", options.limit)
  const window = positiveDuration("window", options.window)
  if (!Duration.isFinite(window)) outOfRange("window", "a finite duration", options.window)
  const key = options.key === undefined ? undefined : nonEmptyString("key", options.key)
  const own = Effect.runSync(Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory))
  const limiter = key === undefined
    ? Effect.succeed(own)
    : Effect.map(Effect.serviceOption(RateLimiter.RateLimiter), Option.getOrElse(() => own))
  const bucket = { algorithm: "token-bucket", limit, window, key: key ?? "own" } as const
  const take = (tokens: number) =>
    Effect.orDie(Effect.flatMap(limiter, (limiter) => RateLimiter.sleep(limiter, { ...bucket, tokens })))
  const token = take(1)
  return {
    [TypeId]: TypeId,
    name: `rate(${limit} per ${Duration.format(window)})`,
    rank: Infinity,
    around: (attempt) => Effect.flatMap(token, () => attempt),
    batch: {
      most: Math.max(1, Math.min(limit, Math.floor(limit * batchMillis / Duration.toMillis(window)))),
      around: (inputs, batch) => Effect.flatMap(take(inputs), () => batch)
    }
  }
}

/**
 * A limit that finds by itself how many attempts at once a service bears.
 *
 * @category models
 * @since 0.1.0
 */
export interface Adaptive extends Limit {
  /** How many attempts it lets run at once now. */
  readonly current: Effect.Effect<number>
}

/**
 * At most `max` attempts at once; half as many after each failure that means overload, and one more again after each
 * round that went well.
 *
 * **Details**
 *
 * Units: `max` and `min` are positive integers, `min` is 1 unless given and not above `max`; it starts at `max`, which
 * is best no higher than the concurrency of the runs, since only what is in use can be felt. `overload` is shown the
 * typed error of a failed attempt (a timeout is one too), and says whether it means overload: `true`, or how long the
 * service asked to be left alone (the `retry-after` of a 429), a finite duration. During that time nothing starts;
 * attempts that wait for it to pass keep their slots. Attempts that were under way when it was halved do not halve it
 * again. A round is as many successes as it lets run at once. Errors: none of its own; when `overload` throws, or says
 * something else, nothing is learnt, and that is a defect beside the failure in its cause (which, as any with a defect,
 * is not tried again). Source: additive increase and multiplicative decrease, as in TCP (RFC 5681).
 *
 * **Example** (A service that answers 429)
 *
 * ```ts
 * import { Data, Effect } from "effect"
 * import { Limit, Parallel } from "effect-parallel"
 *
 * class TooManyRequests extends Data.TaggedError("TooManyRequests")<{ readonly retryAfter: string }> {}
 * let calls = 0
 * const ask = (n: number) =>
 *   Effect.suspend(() => ++calls === 1 ? Effect.fail(new TooManyRequests({ retryAfter: "10 millis" })) : Effect.succeed(n))
 *
 * const service = Limit.adaptive({
 *   max: 8,
 *   overload: (error) => error instanceof TooManyRequests ? "10 millis" : false
 * })
 * const program = Parallel.forEach([1, 2, 3], ask, { limit: service, retry: { times: 3 } })
 *
 * console.log(await Effect.runPromise(program)) // => [1, 2, 3]
 * console.log(await Effect.runPromise(service.current)) // => 4
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const adaptive = (options: {
  readonly max: number
  readonly min?: number | undefined
  readonly overload: (error: unknown) => boolean | Duration.Input
  readonly name?: string | undefined
}): Adaptive => {
  knownKeys("Limit.adaptive options", options, ["max", "min", "overload", "name"])
  const max = positiveInteger("max", options.max)
  const min = options.min === undefined ? 1 : positiveInteger("min", options.min)
  if (min > max) outOfRange("min", `at most \`max\` (${max})`, min)
  if (typeof options.overload !== "function") wrongType("overload", "a function", options.overload)
  const name = nonEmptyString("name", options.name ?? `adaptive(${min} to ${max})`)
  return new AdaptiveImpl(max, min, options.overload, name)
}

class AdaptiveImpl implements Adaptive {
  readonly [TypeId] = TypeId
  readonly rank = nextRank()
  readonly name: string
  private readonly max: number
  private readonly min: number
  private readonly overload: (error: unknown) => boolean | Duration.Input
  private readonly pool: Permits
  /** Number of successes in this round; the limit grows by one when it reaches the size. */
  private successes = 0
  /**
   * Number of times it was halved. An attempt remembers the number at its start, so that attempts under way at a
   * halving do not halve it again.
   */
  private halvings = 0
  /** Time until which nothing starts, in milliseconds of the monotonic clock. */
  private pausedUntil = -Infinity

  constructor(max: number, min: number, overload: (error: unknown) => boolean | Duration.Input, name: string) {
    this.max = max
    this.min = min
    this.overload = overload
    this.name = name
    this.pool = new Permits(max)
  }

  readonly current = Effect.sync(() => this.pool.size)

  around<A, E, R>(attempt: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.pool.hold(Effect.flatMap(this.pause, () => {
      const { halvings } = this
      let mistake: Cause.Cause<never> = Cause.empty
      return attempt.pipe(
        Effect.onExit((exit) =>
          Effect.map(now, (now) => {
            mistake = this.learn(exit, halvings, now)
          })
        ),
        Effect.catchCause((cause) => Effect.failCause(Cause.combine(cause, mistake)))
      )
    }))
  }

  /** Waits until the pause is over, however often it is extended meanwhile. */
  private readonly pause: Effect.Effect<void> = Effect.flatMap(now, (now) =>
    this.pausedUntil <= now
      ? Effect.void
      : Effect.flatMap(Effect.sleep(Duration.millis(Math.ceil(this.pausedUntil - now))), () => this.pause))

  /** Learns from an exit; returns a defect of `overload` as a cause, or the empty cause. */
  private learn(exit: Exit.Exit<unknown, unknown>, halvings: number, now: number): Cause.Cause<never> {
    if (exit._tag === "Success") {
      this.grow()
      return Cause.empty
    }
    const error = Cause.findErrorOption(exit.cause)
    if (Option.isNone(error)) return Cause.empty
    try {
      const verdict = this.overload(error.value)
      if (verdict !== false) this.shrink(halvings, now + (verdict === true ? 0 : waitOf(verdict)))
      return Cause.empty
    } catch (defect) {
      return Cause.die(defect)
    }
  }

  private shrink(halvings: number, pausedUntil: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, pausedUntil)
    if (halvings !== this.halvings) return
    this.halvings++
    this.successes = 0
    this.pool.resize(Math.max(this.min, Math.floor(this.pool.size / 2)))
  }

  private grow(): void {
    if (this.pool.size >= this.max || ++this.successes < this.pool.size) return
    this.successes = 0
    this.pool.resize(this.pool.size + 1)
  }
}

/** Effect that reads the monotonic clock in milliseconds. */
const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** Returns the milliseconds to wait; 0 for a time that is over. */
const waitOf = (verdict: Duration.Input): number => {
  const wait = Option.filter(Duration.fromInput(verdict), Duration.isFinite)
  if (Option.isNone(wait) || Number.isNaN(verdict)) {
    return wrongType("overload(error)", "a boolean or a finite duration", verdict)
  }
  return Math.max(0, Duration.toMillis(wait.value))
}

let ranks = 0
const nextRank = (): number => ranks++
