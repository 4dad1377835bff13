/**
 * How often, or how many at once, work may start: limits that several runs and programs share.
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

/** @since 0.1.0 */
export type { Limit, State } from "./limit/contract.ts"
/**
 * Tells whether a value is a limit.
 *
 * @category guards
 * @since 0.1.0
 */
export const isLimit = (u: unknown): u is Limit => hasProperty(u, Contract.TypeId)

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
export const make = <I = unknown>(options: {
  readonly name: string
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
  readonly state: Effect.Effect<Contract.State>
}

/**
 * A number of permits, which can be changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Concurrency extends Stated {
  /** Changes how many attempts may be under way at once; those above the new number go on to their end. */
  readonly resize: (permits: number) => Effect.Effect<void>
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
export const concurrency = (permits: number, options?: { readonly name?: string | undefined }): Concurrency => {
  check.positiveInteger("permits", permits)
  check.knownKeys("Limit.concurrency options", options ?? {}, ["name"])
  const name = check.nonEmptyString("name", options?.name ?? `concurrency(${permits})`)
  return new ResizablePermits(permits, name, Infinity)
}

class ResizablePermits extends Permits {
  /** Number of permits that it was made with: another is not forgotten. */
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
 * A rate, whose costs can be corrected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rate<in I = unknown> extends Stated<I> {
  /**
   * Corrects what the attempt around has taken to what it has cost, as its `cost` was an estimate: what was too much is
   * there again at once, and what is missing is taken, though it may not be there yet. May be called again as more
   * becomes known. Outside of an attempt that this rate has let through, the whole cost is taken.
   */
  readonly settle: (cost: number) => Effect.Effect<void>
}

/**
 * So many tokens in each `window`, as a token bucket: a full one lets `burst` attempts start at once, and then one token
 * comes back every `window / limit`.
 *
 * **When to use**
 *
 * Use for a service that counts: calls a second, tokens a minute. Several rates hold together: an attempt takes the
 * tokens of all of them when it starts. Most services count as this bucket does. One that allows no more than `limit` in
 * any window is kept below with a `burst` of half the limit and a `window` twice as long: a full bucket and what comes back
 * meanwhile are half of it each.
 *
 * **Details**
 *
 * Units: `limit` is a positive integer, `window` a positive, finite duration, `burst` a positive integer, by default
 * `limit`. Every attempt takes tokens: retries, copies of stragglers and nested attempts too. `cost` says how many, from
 * the input: a number from 0 to `burst`, fractions included; by default 1. It may be asked several times for an attempt.
 * Where the cost is known only after the call, `settle` corrects it.
 *
 * First come, first served, and nobody who needs less goes before. Tokens are taken in the step in which the attempt
 * starts, so who is interrupted while it waits has spent nothing. Of a batch the tokens of inputs that were not started
 * come back.
 *
 * Each limit has a bucket of its own in memory. With a `key`, and an Effect `RateLimiter` provided around the run (on a
 * store in Redis, say), it is that limiter's bucket of this name instead, which all programs share that name it: so nothing
 * is shared that has not been given a name. Errors: none of its own; a `cost` out of its range and a store that fails
 * are defects of the attempt.
 *
 * **Gotchas**
 *
 * Inputs with a `cost` go to workers one by one. A batch without one has no more inputs than may start within 25 ms.
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
 * **Example** (Tokens a minute, whose number is known after the call)
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
  readonly limit: number
  readonly window: Duration.Input
  readonly burst?: number | undefined
  readonly cost?: ((input: I) => number) | undefined
  readonly key?: string | undefined
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
 * A gate, which is open or closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gate extends Stated {
  /** Closes it: nothing more starts, and what has started goes on. */
  readonly pause: Effect.Effect<void>
  /** Opens it. */
  readonly resume: Effect.Effect<void>
}

/**
 * A gate: while it is closed by `pause`, no attempt of any run that names it starts; `resume` lets all go on.
 *
 * **Details**
 *
 * It is open unless `open` is `false`. Attempts that are under way go on, and those that wait keep their slots. Errors: none.
 *
 * **Example** (Nothing starts before the gate is opened)
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
export const gate = (options?: { readonly open?: boolean | undefined; readonly name?: string | undefined }): Gate => {
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
  /** The states of the limits by key, of those keys that are in use or were lately. */
  readonly states: Effect.Effect<ReadonlyMap<K, Contract.State>>
}

/**
 * A limit for each key: for each host, tenant or model.
 *
 * **When to use**
 *
 * Use where inputs share a limit with those of the same key and with no others. An input that waits for its key keeps no
 * slot of its run: inputs of other keys pass it, as far as the run looks ahead (`concurrency + preDispatch`), and results
 * stay in order. In the `exec` of a node, and for the copy of a straggler, who waits keeps its slot.
 *
 * **Details**
 *
 * `key` gives the key of an input, compared as in a `Map`; `make` the limit of a key, when it is first needed. A key that no
 * input has used for `idle` (1 minute unless given) is forgotten, unless its limit would lose something by that: a bucket
 * that is not full, a gate that is closed, permits whose number was changed. What `Limit.adaptive` has learned goes with it. Limits of your own (`Limit.make`) are kept for good, since nobody can tell
 * whether they are in use. Errors: none; a `key` or `make` that throws is a defect of the attempt.
 *
 * **Example** (One download at a time from each host)
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
  options?: { readonly idle?: Duration.Input | undefined; readonly name?: string | undefined }
): Keyed<I, K> => {
  if (typeof key !== "function") check.wrongType("key", "a function", key)
  if (typeof make !== "function") check.wrongType("make", "a function", make)
  check.knownKeys("Limit.keyed options", options ?? {}, ["idle", "name"])
  const idle = Duration.toMillis(check.positiveDuration("idle", options?.idle ?? "1 minute"))
  return new LimitByKey(key, make, check.nonEmptyString("name", options?.name ?? "keyed"), idle)
}

/**
 * A limit that finds by itself how many attempts at once a service bears.
 *
 * @category models
 * @since 0.1.0
 */
export interface Adaptive extends Stated {
  /** How many attempts it lets run at once now. */
  readonly current: Effect.Effect<number>
}

/**
 * As many attempts at once as a service bears, and at most `max`: found from what it refuses, and from how long it
 * takes if `latency` says so.
 *
 * **Details**
 *
 * Units: `max` and `min` are positive integers, `min` is 1 unless given and not above `max`; it starts at 10, or the
 * nearest that is allowed. `overload` is shown the typed error of a failed attempt (a timeout is one too), and says whether
 * it means overload: `true`, or how long the service asked to be left alone (the `retry-after` of a 429), a finite
 * duration. During that time nothing starts. `latency` is how many times as long as without other attempts an attempt may
 * take on average, a number above 1, for a service that lets calls wait instead of refusing them: 2 is a good start where
 * all inputs take about as long, and nothing is learned from times unless it is given. `overload` may be left out then.
 *
 * A refused attempt takes its slot with it: what is left is what the service bears. From there it tries one slot more now
 * and then, and grows by steps of one, two, four and so on, up to half of what it has, as long as nothing is refused and all
 * slots are in use. Errors: none of its own; when `overload` throws, or says something else, nothing is learnt, and
 * that is a defect beside the failure in its cause (which, as any with a defect, is not tried again).
 *
 * Source: slow start and the steps are those of TCP (RFC 5681, RFC 9438, RFC 7661), the use of times that of TCP Vegas and of
 * Netflix's concurrency-limits. The decrease is its own: halving gives up slots that the service still grants. Effect's
 * `RateLimiter.adaptiveConsume` learns a rate from the `retry-after` of a 429, and not how many calls are borne at once.
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
 * console.log((await Effect.runPromise(service.current)) < 8) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const adaptive = (options: {
  readonly max: number
  readonly min?: number | undefined
  readonly overload?: ((error: unknown) => boolean | Duration.Input) | undefined
  readonly latency?: number | undefined
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
