/**
 * The attempts that the payloads of a batch belong to, in the form in which they cross.
 */
import type * as Backend from "../../Backend.ts"
import type { CurrentAttempt } from "../../task/attempt.ts"

/** Attempts at consecutive payloads. */
export interface Attempts {
  readonly run: string
  /** Index of the first payload in its run if the others follow it, otherwise the index of each. */
  readonly indices: number | ReadonlyArray<number>
  /** Number of each attempt, if not all are first attempts. */
  readonly numbers: ReadonlyArray<number> | undefined
  /** Keys of a journal, if the run has one. */
  readonly keys: ReadonlyArray<string> | undefined
}

/**
 * Collects the attempts of the first `count` payloads of a batch. `positions` has their positions in the batch;
 * `undefined` means that payload and position are equal. A task that is called directly, not by a run, is part of the attempt
 * `around`, if there is one.
 */
export const attemptsOf = (
  batch: Backend.Batch<unknown>,
  count: number,
  positions: ReadonlyArray<number> | undefined,
  around: CurrentAttempt | undefined
): Attempts | undefined => {
  const first = batch.index(positions?.[0] ?? 0)
  if (first === undefined) {
    return around && {
      run: around.run,
      indices: around.index,
      numbers: around.attempt === 1 ? undefined : [around.attempt],
      keys: around.key === undefined ? undefined : [around.key]
    }
  }
  const { attempt, key, run } = batch
  const listed = <A>(at: (position: number) => A): Array<A> =>
    Array.from({ length: count }, (_, payload) => at(positions?.[payload] ?? payload))
  const indices = positions === undefined ? batch.first ?? listed(batch.index) : listed(batch.index)
  const numbers = attempt && listed(attempt)
  return {
    run: run.name,
    indices: typeof indices === "number" || indices.some((index, k) => index !== first + k)
      ? indices as Attempts["indices"]
      : first,
    numbers: numbers?.some((number) => number !== 1) === true ? numbers : undefined,
    keys: key && listed(key)
  }
}

/** Returns the attempt that a payload belongs to. */
export const attemptAt = ({ indices, keys, numbers, run }: Attempts, payload: number): CurrentAttempt => ({
  run,
  index: typeof indices === "number" ? indices + payload : indices[payload]!,
  attempt: numbers?.[payload] ?? 1,
  key: keys?.[payload]
})
