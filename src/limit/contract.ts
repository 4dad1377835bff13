/**
 * The contract of limits: what runs know of a limit, and what a limit has to implement.
 */
import type * as Effect from "effect/Effect"

export const TypeId = "~effect-parallel/Limit"

/**
 * A rule that an attempt passes before it starts. `I` is the type of the inputs that the rule reads; most rules read
 * none.
 *
 * **When to use**
 *
 * Use `concurrency` if a resource can handle a fixed number of users, `rate` if a service counts calls or tokens,
 * `adaptive` if a service refuses what is too much, `gate` to hold work back for a while, and `keyed` for a limit for
 * each host, tenant or model. Every run that names the same value shares it.
 *
 * **Details**
 *
 * A limit is taken around the attempt only, not while an input waits in the queue or for its retry. The timeout of the
 * attempt starts when all its limits have let it through.
 *
 * An input that waits for a limit keeps its slot of the run's `concurrency`. If the limits of a run depend on the input
 * (`keyed`, or a function), it holds none, and other inputs pass it, as far as the run reads ahead.
 *
 * If inputs go to workers in batches, `concurrency` and `rate` are taken by the batch: one permit, since a worker takes
 * its inputs one after another, and a token for each input.
 *
 * Attempts pass a limit in the order in which they ask. An attempt that is interrupted while it waits leaves the line,
 * and has spent nothing. An attempt holds what it has passed and lends it to the runs that it starts, so nested runs
 * under one limit never exceed it and never wait for themselves.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit<in I = unknown> {
  readonly [TypeId]: typeof TypeId
  /** Name of the limit in reports, progress and metrics. */
  readonly name: string
  /** If an attempt has several limits, those with a lower rank are taken first. */
  readonly rank: number
  /** Runs an attempt at an input when this limit lets it through. */
  readonly around: <A, E, R>(attempt: Effect.Effect<A, E, R>, input: I) => Effect.Effect<A, E, R>
  /** Returns the limits of an input, if this limit stands for others; undefined otherwise. */
  readonly resolve?: ((input: I, now: number) => ReadonlyArray<Limit>) | undefined
}

/**
 * How much of a limit is in use now. A batch for a worker is one attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  /** Name of the limit. */
  readonly name: string
  /** How much there is: permits, the tokens of a full bucket, or `Infinity` for a gate. */
  readonly size: number
  /** How much of it could be taken now, at least 0; of a bucket, fractions included. */
  readonly free: number
  /** Number of attempts that run under the limit now. */
  readonly running: number
  /** Number of inputs that wait for it. */
  readonly waiting: number
}

/** Ranks: limits that are held while the attempt runs come first, in the order in which they were made, then rates. */
const holding = 0
const counting = 2 ** 40
/** Limits of a key come before shared ones, so that an input that waits for its key holds up no other. */
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
