/**
 * Limits that are chosen by the input: by a function, or by a key.
 */
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import { wrongType } from "../primitives/check.ts"
import { around } from "./around.ts"
import * as Contract from "./contract.ts"
import { Turnstile } from "./turnstile.ts"

/** The limits that a function chooses for an input. */
export class Chosen<in I> implements Contract.Limit<I> {
  readonly [Contract.TypeId] = Contract.TypeId
  readonly name = "by input"
  readonly rank = 0
  private readonly choose: (input: I) => Contract.Limit | ReadonlyArray<Contract.Limit>

  constructor(choose: (input: I) => Contract.Limit | ReadonlyArray<Contract.Limit>) {
    this.choose = choose
  }

  readonly resolve = (input: I): ReadonlyArray<Contract.Limit> => {
    const chosen: unknown = this.choose(input)
    const limits: ReadonlyArray<unknown> = Array.isArray(chosen) ? chosen : [chosen]
    for (const limit of limits) {
      if (!hasProperty(limit, Contract.TypeId)) wrongType("limit(input)", "a Limit or an array of them", limit)
    }
    return limits as ReadonlyArray<Contract.Limit>
  }

  around<A, E, R>(attempt: Effect.Effect<A, E, R>, input: I): Effect.Effect<A, E, R> {
    return around([this], attempt, input)
  }
}

/** The limit of a key, and the time at which it was last asked for. */
interface KeyedLimit {
  readonly limit: Contract.Limit
  usedAt: number
}

/** Number of keys that are checked, and perhaps forgotten, whenever there is a new one. */
const lookedAt = 2

/**
 * A limit for each key. It is not built on Effect's `RcMap`: a lane asks for the limit of an input in one step, and an
 * `RcMap` hands out values in an effect, with a scope and a fiber for each idle key. Nor is it built on Effect's
 * `PartitionedSemaphore`, which divides one number of permits among keys.
 */
export class LimitByKey<in I, K> implements Contract.Limit<I> {
  readonly [Contract.TypeId] = Contract.TypeId
  readonly name: string
  readonly rank = Contract.nextRank(false)
  private readonly keyOf: (input: I) => K
  private readonly make: (key: K) => Contract.Limit
  private readonly idle: number
  private readonly entries = new Map<K, KeyedLimit>()

  constructor(keyOf: (input: I) => K, make: (key: K) => Contract.Limit, name: string, idle: number) {
    this.keyOf = keyOf
    this.make = make
    this.name = name
    this.idle = idle
  }

  readonly resolve = (input: I, now: number): ReadonlyArray<Contract.Limit> => {
    const key = this.keyOf(input)
    const known = this.entries.get(key)
    if (known !== undefined) {
      known.usedAt = now
      return [known.limit]
    }
    const limit: unknown = Contract.madeForKey(() => this.make(key))
    if (!hasProperty(limit, Contract.TypeId)) return wrongType("the limit of a key", "a Limit", limit)
    this.forget(now)
    this.entries.set(key, { limit: limit as Contract.Limit, usedAt: now })
    return [limit as Contract.Limit]
  }

  around<A, E, R>(attempt: Effect.Effect<A, E, R>, input: I): Effect.Effect<A, E, R> {
    return around([this], attempt, input)
  }

  /** The state of the limit of each known key. Limits that users have implemented are left out. */
  readonly states: Effect.Effect<ReadonlyMap<K, Contract.State>> = Effect.suspend(() => {
    const states: Array<Effect.Effect<readonly [K, Contract.State]>> = []
    for (const [key, { limit }] of this.entries) {
      if (limit instanceof Turnstile) states.push(Effect.map(limit.state, (state) => [key, state] as const))
    }
    return Effect.map(Effect.all(states), (states) => new Map(states))
  })

  /** Checks the entries that were checked longest ago, and forgets those that have not been used for long. */
  private forget(now: number): void {
    const oldest = this.entries.entries()
    for (let k = 0; k < lookedAt; k++) {
      const next = oldest.next()
      if (next.done === true) return
      const [key, entry] = next.value
      this.entries.delete(key)
      if (!this.isForgettable(entry, now)) this.entries.set(key, entry)
    }
  }

  /** True if nothing would be lost by forgetting it. */
  isIdle(now: number): boolean {
    return this.entries.values().every((entry) => this.isForgettable(entry, now))
  }

  private isForgettable({ limit, usedAt }: KeyedLimit, now: number): boolean {
    const mayBeIdle = limit instanceof Turnstile || limit instanceof LimitByKey
    return mayBeIdle && Math.abs(now - usedAt) >= this.idle && limit.isIdle(now)
  }
}
