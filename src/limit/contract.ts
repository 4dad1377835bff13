/**
 * What a limit is, to a run and to whoever makes one.
 */
import type * as Effect from "effect/Effect"

export const TypeId = "~effect-parallel/Limit"

/**
 * A rule that an attempt passes before it starts. `I` is the type of the inputs that it looks at; most look at none.
 *
 * **When to use**
 *
 * Use `concurrency` when a resource bears so many users at once, `rate` when a service counts calls or tokens, `adaptive`
 * when it tells by its failures that it has had enough, `gate` to hold work back for a while, and `keyed` for a limit
 * for each host, tenant or model. One value is shared by every run that names it.
 *
 * **Details**
 *
 * A limit is taken around the attempt only: not while an input waits in the queue or for its retry. The attempt's
 * timeout starts when all its limits have let it through. While it waits for a limit it keeps its slot of the run's
 * `concurrency`; where the limits of a run depend on the input (`keyed`, or a function) it keeps none, and others pass it,
 * as far as the run looks ahead. Where inputs go to workers in batches, `concurrency` and `rate` are taken by the batch:
 * one permit, since a worker takes its inputs one after another, and a token for each input. Limits are first come, first
 * served. An attempt holds what it has passed and lends it to the runs that it starts, so that nested runs under one limit
 * never exceed it and never wait for themselves; interruption while waiting takes it out of the line, and nothing was
 * spent by that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit<in I = unknown> {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** Of several limits on one attempt, those with the lower rank are taken first. */
  readonly rank: number
  /** Runs an attempt at an input when this limit lets it through. */
  readonly around: <A, E, R>(attempt: Effect.Effect<A, E, R>, input: I) => Effect.Effect<A, E, R>
  /** Chooses the limits of an input, if this one stands for others. */
  readonly resolve?: ((input: I, now: number) => ReadonlyArray<Limit>) | undefined
}

/**
 * A limit as it is now: how much it has (`size`), how much of that could be had now (`free`), how many attempts have it, and
 * how many inputs wait for it. A batch for a worker is one attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly name: string
  readonly size: number
  readonly free: number
  readonly running: number
  readonly waiting: number
}

/** Ranks: limits that are held while the attempt runs, in the order in which they were made, before those that count. */
const holding = 0
const counting = 2 ** 40
/** What is made for a key comes before what is shared, so that who waits for its key holds up nobody else. */
const shared = 2 ** 39
let count = 0
let makesForKey = false

/** Returns the rank of a limit that is made now. */
export const nextRank = (counts: boolean): number =>
  (counts ? counting : holding) + (makesForKey ? 0 : shared) + count++

/** Makes a limit for a key. */
export const madeForKey = <A>(make: () => A): A => {
  const before = makesForKey
  makesForKey = true
  try {
    return make()
  } finally {
    makesForKey = before
  }
}

/** Sorts limits by rank, each once. */
export const sorted = <L extends Pick<Limit, "rank">>(limits: ReadonlyArray<L>): ReadonlyArray<L> =>
  limits.length < 2 ? limits : [...new Set(limits)].toSorted((a, b) => a.rank - b.rank)
