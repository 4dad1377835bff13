/**
 * Limits: how often work may start, or how many attempts may run concurrently. Several runs and programs can share one.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import { AdaptivePermits } from "./limit/adaptive.ts"
import { LimitByKey } from "./limit/chosen.ts"
import * as Contract from "./limit/contract.ts"
import type { Limit } from "./limit/contract.ts"
import { GateTurnstile } from "./limit/gate.ts"
import { Permits } from "./limit/permits.ts"
import { TokenBucket } from "./limit/rate.ts"
import * as check from "./primitives/check.ts"
import type { DurationInput } from "./primitives/duration.ts"

/** @since 0.1.0 */
export type { Limit, State } from "./limit/contract.ts"

/**
 * Checks whether a value is a limit.
 *
 * **Example** (Finding the limits of a configuration)
 *
 * ```ts
 * import { Limit } from "effect-parallel"
 *
 * const config: Record<string, unknown> = {
 *   url: "https://api.test",
 *   limit: Limit.rate({ limit: 10, window: "1 second" })
 * }
 *
 * console.log(Object.values(config).filter(Limit.isLimit).map(({ name }) => name)) // => ["rate(10 per 1s)"]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isLimit = (u: unknown): u is Limit => hasProperty(u, Contract.TypeId)

/**
 * Makes a limit of your own: anything that can be wrapped around an attempt.
 *
 * **Details**
 *
 * If an attempt has several limits, those that were made first are taken first, whatever the order in which they are
 * named, and rates are taken last. So two runs that hold the same limits never wait for each other. A missing `name` or
 * `around` is a defect.
 *
 * **Gotchas**
 *
 * Such a limit does not lend. If it holds something while the attempt runs, a nested run with the same limit may wait
 * forever.
 *
 * **Example** (Counting the attempts that end)
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
export const make = <I = unknown>(options: {
  /** Name of the limit in reports, progress and metrics: a non-empty string. */
  readonly name: string
  /**
   * Wraps each attempt. It is called once per attempt, and the effect that it returns runs instead of the attempt. It
   * has to run the attempt once, and to give back what it holds if it is interrupted.
   */
  readonly around: Limit<I>["around"]
}): Limit<I> => {
  check.knownKeys("Limit.make options", options, ["name", "around"])
  const { around, name } = options
  if (typeof around !== "function") check.wrongType("around", "a function", around)
  return {
    [Contract.TypeId]: Contract.TypeId,
    name: check.nonEmptyString("name", name),
    rank: Contract.nextRank(false),
    around
  }
}

/**
 * A limit whose state can be read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stated<in I = unknown> extends Limit<I> {
  /** Reads how much of the limit is in use now. */
  readonly state: Effect.Effect<Contract.State>
}

/**
 * A limit with a number of permits, which can be changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Concurrency extends Stated {
  /**
   * Changes the number of permits: a positive integer. Attempts that already run continue, even above the new number.
   */
  readonly resize: (permits: number) => Effect.Effect<void>
}

/**
 * Limits how many attempts run concurrently, over all runs that name this limit, nested ones included.
 *
 * **Details**
 *
 * `permits` is a positive integer; anything else is a defect. Attempts get permits in the order in which they ask.
 *
 * A nested run borrows the permit of the attempt that started it, for one nested attempt at a time, in addition to
 * permits that are free. So 8 runs of 8 inputs, nested in 8 attempts under one `Limit.concurrency(8)`, keep 8 inner
 * attempts in flight.
 *
 * **Gotchas**
 *
 * Nested runs with different limits must name them in the same order, from outer to inner. Otherwise they may wait for
 * each other forever.
 *
 * **Example** (Sharing a database between two runs)
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
export const concurrency = (permits: number, options?: {
  /**
   * Name of the limit in reports, progress and metrics: a non-empty string. Default: `"concurrency(4)"`, with the
   * number of permits.
   */
  readonly name?: string | undefined
}): Concurrency => {
  check.positiveInteger("permits", permits)
  check.knownKeys("Limit.concurrency options", options ?? {}, ["name"])
  const name = check.nonEmptyString("name", options?.name ?? `concurrency(${permits})`)
  return new ResizablePermits(permits, name, Infinity)
}

class ResizablePermits extends Permits {
  /** Number of permits at the start. A limit with another number has something to lose, so `keyed` keeps it. */
  private readonly made = this.size

  override isIdle(now: number): boolean {
    return super.isIdle(now) && this.size === this.made
  }

  readonly resize = (permits: number): Effect.Effect<void> => {
    check.positiveInteger("permits", permits)
    return Effect.sync(() => this.change(permits))
  }
}

/**
 * A rate limit, whose costs can be corrected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rate<in I = unknown> extends Stated<I> {
  /**
   * Corrects the cost of the current attempt, if its `cost` was an estimate: a finite number of at least 0. If the
   * estimate was too high, the difference is available again immediately; if it was too low, the difference is taken,
   * even if the bucket does not have it yet. It may be called again as more becomes known. Outside of an attempt that
   * this rate has let through, the whole cost is taken.
   */
  readonly settle: (cost: number) => Effect.Effect<void>
}

/**
 * Limits how many attempts start, or how many tokens they take, per window of time: a token bucket.
 *
 * **When to use**
 *
 * Use for a service that counts: calls per second, tokens per minute. Several rates can be combined: an attempt takes
 * the tokens of all of them when it starts.
 *
 * Most services count as this bucket does: if it is full, `burst` attempts start immediately, and then one token comes
 * back every `window / limit`. Some services allow no more than `limit` attempts in any window. For them, set `burst`
 * to half of `limit`, and make `window` twice as long: then, in any window of the service, one half of the attempts
 * comes from a full bucket, and the other half from tokens that come back.
 *
 * **Details**
 *
 * Every attempt takes tokens: retries, copies of stragglers and nested attempts too. Attempts get tokens in the order
 * in which they ask; an attempt that needs fewer does not go first. Tokens are taken in the step in which the attempt
 * starts, so an attempt that is interrupted while it waits has spent nothing. Tokens for inputs of a batch that did not
 * start come back.
 *
 * Each limit has its own bucket, in memory. If it has a `key`, and Effect's `RateLimiter` is provided around the run
 * (on a store in Redis, for example), it uses the bucket of that `RateLimiter` with this key, which all programs with
 * the key share. A store that fails is a defect of the attempt.
 *
 * **Gotchas**
 *
 * Inputs with a `cost` go to workers one by one. Without a `cost`, a batch has no more inputs than may start within 25
 * ms.
 *
 * **Example** (Making at most 200 calls per second)
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
 * **Example** (Counting tokens that are known after the call)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, Parallel } from "effect-parallel"
 *
 * const tokens = Limit.rate({ limit: 9000, window: "1 minute", cost: (prompt: string) => 500 + prompt.length })
 * const ask = (prompt: string) =>
 *   Effect.succeed({ text: prompt.toUpperCase(), used: 20 }).pipe(
 *     Effect.tap((answer) => tokens.settle(answer.used))
 *   )
 * const program = Parallel.forEach(["a", "b"], ask, { limit: tokens })
 *
 * console.log((await Effect.runPromise(program)).map((answer) => answer.text)) // => ["A", "B"]
 * console.log((await Effect.runPromise(tokens.state)).free > 8900) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const rate = <I = unknown>(options: {
  /** Number of tokens that come back per `window`: a positive integer. */
  readonly limit: number
  /** Time in which `limit` tokens come back: a positive, finite duration. */
  readonly window: DurationInput<"1 minute">
  /**
   * Size of the bucket, which is the number of tokens that can be taken immediately when it is full: a positive
   * integer. Default: `limit`.
   */
  readonly burst?: number | undefined
  /**
   * Number of tokens that an attempt at this input takes: from 0 to `burst`, fractions included. It may be called
   * several times for an attempt; a cost out of range is a defect of the attempt. Where the cost is known only after
   * the call, correct it with `settle`. Default: 1.
   */
  readonly cost?: ((input: I) => number) | undefined
  /**
   * Name of the bucket in the provided `RateLimiter`: a non-empty string. All programs with this key share the bucket.
   * Default: none, so that the bucket is not shared.
   */
  readonly key?: string | undefined
  /**
   * Name of the limit in reports, progress and metrics: a non-empty string. Default: `"rate(200 per 1s)"`, with the
   * limit and the window.
   */
  readonly name?: string | undefined
}): Rate<I> => {
  check.knownKeys("Limit.rate options", options, ["limit", "window", "burst", "cost", "key", "name"])
  const { cost } = options
  const limit = check.positiveInteger("limit", options.limit)
  const window = check.positiveDuration("window", options.window)
  if (!Duration.isFinite(window)) check.outOfRange("window", "a finite duration", options.window)
  const burst = options.burst === undefined ? limit : check.positiveInteger("burst", options.burst)
  check.optionalFunction("cost", cost)
  const key = options.key === undefined ? undefined : check.nonEmptyString("key", options.key)
  const name = check.nonEmptyString("name", options.name ?? `rate(${limit} per ${Duration.format(window)})`)
  return new TokenBucket({ name, burst, millisPerToken: Duration.toMillis(window) / limit, cost, key })
}

/**
 * A limit that is open or closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gate extends Stated {
  /** Closes the gate: no further attempt starts, and attempts that have started continue. */
  readonly pause: Effect.Effect<void>
  /** Opens the gate. */
  readonly resume: Effect.Effect<void>
}

/**
 * Makes a gate: while it is closed, no attempt of the runs that name it starts. `pause` closes and `resume` opens it.
 *
 * **Details**
 *
 * Attempts that have started continue. Attempts that wait keep their slots.
 *
 * **Example** (Starting nothing before the gate is opened)
 *
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import { Limit, Parallel } from "effect-parallel"
 *
 * const gate = Limit.gate({ open: false })
 * const program = Effect.gen(function*() {
 *   const run = yield* Effect.forkChild(Parallel.forEach([1, 2, 3], Effect.succeed, { limit: gate }))
 *   const { waiting } = yield* Effect.repeat(gate.state, { until: ({ waiting }) => waiting === 3 })
 *   yield* gate.resume
 *   return [waiting, yield* Fiber.join(run)] as const
 * })
 *
 * console.log(await Effect.runPromise(program)) // => [3, [1, 2, 3]]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const gate = (options?: {
  /** Whether the gate is open at the start. Default: `true`. */
  readonly open?: boolean | undefined
  /** Name of the limit in reports, progress and metrics: a non-empty string. Default: `"gate"`. */
  readonly name?: string | undefined
}): Gate => {
  check.knownKeys("Limit.gate options", options ?? {}, ["open", "name"])
  const isOpen: unknown = options?.open ?? true
  if (typeof isOpen !== "boolean") check.wrongType("open", "a boolean", isOpen)
  return new GateTurnstile(check.nonEmptyString("name", options?.name ?? "gate"), isOpen as boolean)
}

/**
 * Limits by key, each with a state of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keyed<in I, out K> extends Limit<I> {
  /**
   * Reads the states of the limits, by key, for the keys that are in use or were used recently. Limits made by
   * `Limit.make` have no state and are left out.
   */
  readonly states: Effect.Effect<ReadonlyMap<K, Contract.State>>
}

/**
 * Makes a limit for each key: for each host, tenant or model.
 *
 * **When to use**
 *
 * Use when inputs share a limit with inputs of the same key only. An input that waits for its key holds no slot of its
 * run: inputs of other keys pass it, as far as the run reads ahead (`concurrency + preDispatch`), and results stay in
 * order. In the `exec` of a node, and for the copy of a straggler, an attempt that waits keeps its slot.
 *
 * **Details**
 *
 * `key` returns the key of an input; keys are compared as in a `Map`. `make` returns the limit of a key when it is
 * first needed. A `key` or `make` that throws is a defect of the attempt.
 *
 * A key that no input has used for `idle` is forgotten, and with it what `Limit.adaptive` has learned. It is kept if
 * its limit would lose something: a bucket that is not full, a gate that is closed, or permits whose number was
 * changed. Limits of your own (`Limit.make`) are always kept, since it is not known whether they are in use.
 *
 * **Example** (Downloading one file at a time from each host)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, Parallel } from "effect-parallel"
 *
 * const perHost = Limit.keyed((url: string) => new URL(url).host, () => Limit.concurrency(1))
 * const urls = ["https://a.test/1", "https://a.test/2", "https://b.test/1"]
 * const program = Parallel.forEach(urls, (url) => Effect.succeed(url.length), { limit: perHost })
 *
 * console.log(await Effect.runPromise(program)) // => [16, 16, 16]
 * console.log([...(await Effect.runPromise(perHost.states)).keys()]) // => ["a.test", "b.test"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const keyed = <I, K>(
  key: (input: I) => K,
  make: (key: K) => Limit,
  options?: {
    /** How long an unused key is kept: a positive duration. Default: 1 minute. */
    readonly idle?: DurationInput<"1 minute"> | undefined
    /**
     * Name of the limit where reports list the options of a run: a non-empty string. Waits are counted by the names of
     * the limits that `make` returns. Default: `"keyed"`.
     */
    readonly name?: string | undefined
  }
): Keyed<I, K> => {
  if (typeof key !== "function") check.wrongType("key", "a function", key)
  if (typeof make !== "function") check.wrongType("make", "a function", make)
  check.knownKeys("Limit.keyed options", options ?? {}, ["idle", "name"])
  const idle = Duration.toMillis(check.positiveDuration("idle", options?.idle ?? "1 minute"))
  return new LimitByKey(key, make, check.nonEmptyString("name", options?.name ?? "keyed"), idle)
}

/**
 * A limit that finds out how many concurrent attempts a service can handle.
 *
 * @category models
 * @since 0.1.0
 */
export interface Adaptive extends Stated {
  /** Reads how many attempts it lets run concurrently now: from `min` to `max`. */
  readonly current: Effect.Effect<number>
}

/**
 * Limits concurrent attempts to what a service can handle, which it learns from the calls that the service refuses, and
 * from how long calls take if `latency` is set.
 *
 * **Details**
 *
 * It starts with 10 concurrent attempts, or the nearest number that is allowed. Each refused attempt removes one slot:
 * what remains is what the service can handle. From there it tries one more slot now and then. As long as nothing is
 * refused and all slots are in use, it grows by steps of one, two, four and so on, up to half of what it has.
 *
 * If `overload` throws or returns something else, nothing is learned. The cause of the attempt then has this defect
 * beside the failure, so the attempt is not retried.
 *
 * Slow start and the steps are those of TCP (RFC 5681, RFC 9438, RFC 7661); the use of times is that of TCP Vegas and
 * of Netflix's concurrency-limits. The decrease differs, because halving gives up slots that the service still grants.
 * Effect's `RateLimiter.adaptiveConsume` learns a rate from the `retry-after` of a 429, not how many concurrent calls a
 * service can handle.
 *
 * **Example** (Calling a service that answers 429)
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
 * console.log((await Effect.runPromise(service.current)) < 8) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const adaptive = (options: {
  /** Maximum number of concurrent attempts: a positive integer. */
  readonly max: number
  /** Minimum number of concurrent attempts: a positive integer, not above `max`. Default: 1. */
  readonly min?: number | undefined
  /**
   * Says whether the typed error of a failed attempt (a timeout is one too) means overload: `false`, `true`, or how
   * long the service asks for a pause (the `retry-after` of a 429), a finite duration. Nothing starts during the pause.
   * May be left out if `latency` is set; then no error means overload.
   */
  readonly overload?: ((error: unknown) => boolean | Duration.Input) | undefined
  /**
   * Average time of an attempt that is tolerated, as a multiple of its time when no other attempts run: a finite number
   * above 1. For a service that lets calls wait instead of refusing them; 2 is a good start if all inputs take about
   * equally long. Default: nothing is learned from times.
   */
  readonly latency?: number | undefined
  /**
   * Name of the limit in reports, progress and metrics: a non-empty string. Default: `"adaptive(1 to 8)"`, with the
   * bounds.
   */
  readonly name?: string | undefined
}): Adaptive => {
  check.knownKeys("Limit.adaptive options", options, ["max", "min", "overload", "latency", "name"])
  const { latency, overload } = options
  const max = check.positiveInteger("max", options.max)
  const min = options.min === undefined ? 1 : check.positiveInteger("min", options.min)
  if (min > max) check.outOfRange("min", `at most \`max\` (${max})`, min)
  if (latency !== undefined) {
    check.numberWhere("latency", latency, "a finite number above 1", (times) => times > 1 && times < Infinity)
  }
  if (typeof overload !== "function" && (overload !== undefined || latency === undefined)) {
    check.wrongType("overload", "a function", overload)
  }
  const name = check.nonEmptyString("name", options.name ?? `adaptive(${min} to ${max})`)
  return new AdaptivePermits({ max, min, tolerance: latency }, overload ?? (() => false), name)
}
