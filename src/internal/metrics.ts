/**
 * The numbers of all runs of a name, as Effect metrics that are read and not written.
 *
 * A run keeps its counts anyway, so a series asks for them when somebody reads it: an input costs nothing for it, and a run
 * a few additions at its end. Only how long inputs took is gathered as they end, in a few buckets, by runs that clock
 * them anyway.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Counts } from "../progress/Contract.ts"

/** Upper ends of the buckets in milliseconds: 1, 2, 5, 10 and so on, from a microsecond to 5000 seconds. */
const boundaries: ReadonlyArray<number> = Array.from(
  { length: 30 },
  (_, i) => Number(`${[1, 2, 5][i % 3]}e${Math.floor(i / 3) - 3}`)
)

/** The numbers of all runs of a name. */
export class Series {
  /** The runs that go on, and the sums of those that have ended. */
  private readonly live = new Set<() => Counts>()
  private readonly ended = { done: 0, failed: 0, retried: 0 }
  private readonly buckets = new Float64Array(boundaries.length + 1)
  /** How many inputs took no time at all, and how many took some. */
  private instant = 0
  private count = 0
  private sum = 0
  private min = Infinity
  private max = -Infinity

  /** A run begins. */
  open(counts: () => Counts): void {
    this.live.add(counts)
  }

  /** A run has ended. */
  close(counts: () => Counts): void {
    if (!this.live.delete(counts)) return
    const { done, failed, retried } = counts()
    this.ended.done += done
    this.ended.failed += failed
    this.ended.retried += retried
  }

  /** An input took so many nanoseconds. */
  took(nanos: number): void {
    if (nanos === 0) {
      this.instant++
      return
    }
    const millis = nanos / 1e6
    this.count++
    this.buckets[bucketOf(millis)]!++
    this.sum += millis
    if (millis < this.min) this.min = millis
    if (millis > this.max) this.max = millis
  }

  /** What runs have counted so far. */
  total(key: "done" | "failed" | "retried"): number {
    return this.ended[key] + this.now(key)
  }

  /** What the runs that go on count now. */
  now(key: Exclude<keyof Counts, "total">): number {
    let sum = 0
    for (const counts of this.live) sum += counts()[key]
    return sum
  }

  get durations(): Metric.HistogramState {
    let below = this.instant
    const buckets = boundaries.map((boundary, i): [number, number] => [boundary, below += this.buckets[i]!])
    const { count, instant, sum } = this
    const [min, max] = count === 0 ? [0, 0] : [instant > 0 ? 0 : this.min, this.max]
    return { buckets, count: instant + count, sum, min, max }
  }
}

/** The first bucket whose end is not below. */
const bucketOf = (millis: number): number => {
  let [from, to] = [0, boundaries.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (millis <= boundaries[middle]!) to = middle
    else from = middle + 1
  }
  return from
}

const registries = new WeakMap<Metric.MetricRegistry, Map<string, Series>>()

/** The series of a name, registered when they are first asked for. */
export const seriesOf = (context: Context.Context<never>, name: string): Series => {
  const registry = Context.get(context, Metric.MetricRegistry)
  const attributes = Context.get(context, Metric.CurrentMetricAttributes)
  let known = registries.get(registry)
  if (known === undefined) registries.set(registry, known = new Map())
  const key = `${name}\n${JSON.stringify(attributes)}`
  let series = known.get(key)
  if (series === undefined) known.set(key, series = register(context, name))
  return series
}

const register = (context: Context.Context<never>, run: string): Series => {
  const series = new Series()
  const counter = (
    name: string,
    attributes: Readonly<Record<string, string>>,
    get: () => number,
    description: string
  ) =>
    Metric.registerUnsafe(Metric.counter(name, { description, attributes, incremental: true }), context, {
      ...readOnly,
      get: () => ({ count: get(), incremental: true })
    })
  const gauge = (name: string, get: () => number, description: string) =>
    Metric.registerUnsafe(Metric.gauge(name, { description, attributes: { run } }), context, {
      ...readOnly,
      get: () => ({ value: get() })
    })
  const inputs = (outcome: string, get: () => number) =>
    counter("effect_parallel_inputs", { run, outcome }, get, "inputs that have their outcome")
  inputs("succeeded", () => series.total("done") - series.total("failed"))
  inputs("failed", () => series.total("failed"))
  counter(
    "effect_parallel_retried",
    { run },
    () => series.total("retried"),
    "inputs that took more than one attempt"
  )
  gauge("effect_parallel_running", () => series.now("running"), "inputs in hand")
  gauge("effect_parallel_waiting", () => series.now("waiting"), "inputs that wait to be tried again")
  const description = "how long inputs took, from the start of the first attempt"
  const attributes = { run, time_unit: "milliseconds" }
  const duration = Metric.histogram("effect_parallel_input_duration", { description, attributes, boundaries })
  Metric.registerUnsafe(duration, context, { ...readOnly, get: () => series.durations })
  return series
}

const readOnly = { update: () => {}, modify: () => {} }
