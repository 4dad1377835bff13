/** A plausible run: lanes take inputs sequentially; some inputs fail, and some are retried. */
import { Cause, DateTime, Duration } from "effect"
import { Outcome, Report } from "effect-parallel"

/** Reproducible numbers between 0 and 1. */
const numbers = (seed: number) => () => {
  seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296
  return seed / 4_294_967_296
}

export class Unreachable extends Error {
  override readonly name = "Unreachable"
}

export const sample = (
  count: number,
  { input = (index) => `texts/${index}.md`, workers = 8 }: {
    readonly input?: (index: number) => string
    readonly workers?: number
  } = {}
): Report.Report<string, number, Unreachable> => {
  const random = numbers(7)
  const free = new Array<number>(workers).fill(0)
  const at = (millis: number) => Duration.nanos(BigInt(Math.round(millis * 1e6)))
  const outcomes = Array.from({ length: count }, (_, index) => {
    const attempt = (after: number, end: Outcome.Attempt["end"]): Outcome.Attempt => {
      const worker = free.indexOf(Math.min(...free))
      const start = Math.max(after, free[worker]!)
      const took = 4 + 30 * random() ** 3 + (random() < 0.01 ? 150 * random() : 0)
      free[worker] = start + took
      const message = end === "Failed" ? "Unreachable: no answer" : undefined
      return { startedAt: at(start), elapsed: at(took), waits: Outcome.noWaits, worker, end, message }
    }
    const [fails, retried] = [index % 50 === 17, index % 20 === 3]
    const first = attempt(0, fails || retried ? "Failed" : "Succeeded")
    const again = retried ? [attempt(Duration.toMillis(first.startedAt) + 40, fails ? "Failed" : "Succeeded")] : []
    const last = again[0] ?? first
    const settled = {
      index,
      input: input(index),
      attempts: 1 + again.length,
      startedAt: first.startedAt,
      elapsed: Duration.subtract(Duration.sum(last.startedAt, last.elapsed), first.startedAt),
      worker: last.worker,
      history: again.length === 0 ? [] : [first, ...again]
    }
    return fails
      ? Outcome.failure({ ...settled, cause: Cause.fail(new Unreachable(`no answer for ${input(index)}`)) })
      : Outcome.success({ ...settled, value: index })
  })
  return Report.make({
    name: "summaries",
    outcomes,
    startedAt: DateTime.makeUnsafe("2025-06-01T12:00:00Z"),
    elapsed: at(Math.max(0, ...free))
  })
}
