/**
 * Metrics of all runs of one name. Effect reads them, and nothing writes them.
 *
 * A run keeps its counts anyway, so a series reads them when it is read itself: an input costs nothing for it, and a
 * run costs a few additions at its end. Only the durations of inputs are recorded as the inputs end, in a few buckets,
 * by runs that measure them anyway.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { shortenName } from "../primitives/shorten.ts"
import type { Counts } from "./contract.ts"

/** Upper ends of the buckets in milliseconds: 1, 2, 5, 10 and so on, from a microsecond to 5000 seconds. */
const boundaries: ReadonlyArray<number> = Array.from(
  { length: 30 },
  (_, i) => Number(`${[1, 2, 5][i % 3]}e${Math.floor(i / 3) - 3}`)
)

/** Upper ends of the buckets in nanoseconds. The last bucket has none. */
const ends = Float64Array.of(...boundaries.map((millis) => Math.round(millis * 1e6)), Infinity)

/** Greatest number of limits that get a metric of their own in a run: a hundred names, and one for all others. */
const mostLimits = 101

/** Returns the exponent of the greatest power of two that is not above a number of nanoseconds. */
const octaveOf = (nanos: number): number => nanos < 2 ** 31 ? 31 - Math.clz32(nanos) : 62 - Math.clz32(nanos / 2 ** 31)

/** First bucket for each power of two: the bucket whose end is not below it. */
const first = Uint8Array.from({ length: 64 }, (_, octave) => ends.findIndex((end) => end >= 2 ** octave))

/**
 * Finds the first bucket whose end is not below a time. One comparison is enough: between two successive powers of two
 * there is at most one end.
 */
const bucketOf = (nanos: number): number => {
  const bucket = first[octaveOf(nanos)]!
  return nanos > ends[bucket]! ? bucket + 1 : bucket
}

/** Counts and durations of all runs of one name. */
export class Series {
  /** Counts of the runs that have not ended, and sums over those that have. */
  private readonly live = new Set<() => Counts>()
  private readonly ended = { done: 0, failed: 0, retried: 0 }
  private readonly buckets = new Float64Array(ends.length)
  /** Number of inputs that took no time at all, and number of those that took some. */
  private instant = 0
  private count = 0
  /** Sum of the durations in nanoseconds, as are `min` and `max`. */
  private sum = 0
  private min = Infinity
  private max = -Infinity
  private readonly name: string
  private readonly limits = new Set<string>()

  constructor(name: string) {
    this.name = name
  }

  /** Adds a run that begins. */
  open(counts: () => Counts): void {
    this.live.add(counts)
  }

  /** Moves the counts of a run that has ended to the sums. Does nothing the second time. */
  close(counts: () => Counts): void {
    if (!this.live.delete(counts)) return
    const { done, failed, retried } = counts()
    this.ended.done += done
    this.ended.failed += failed
    this.ended.retried += retried
  }

  /** Records the duration of an input, in whole nanoseconds. */
  took(nanos: number): void {
    if (nanos <= 0) {
      this.instant++
      return
    }
    this.buckets[bucketOf(nanos)]!++
    this.count++
    this.sum += nanos
    if (nanos < this.min) this.min = nanos
    if (nanos > this.max) this.max = nanos
  }

  /** Returns a count over all runs, ended or not. */
  total(key: "done" | "failed" | "retried"): number {
    return this.ended[key] + this.now(key)
  }

  /** Returns a count over the runs that have not ended. */
  now(key: Exclude<keyof Counts, "total" | "limited">): number {
    let sum = 0
    for (const counts of this.live) sum += counts()[key]
    return sum
  }

  /** Returns the number of inputs that wait for the limits of a name, over the runs that have not ended. */
  limited(name: string): number {
    let sum = 0
    for (const counts of this.live) {
      for (const limit of counts().limited) if (limit.name === name) sum += limit.waiting
    }
    return sum
  }

  /** Registers the metric of a limit that inputs of these runs wait for. */
  limitedBy(context: Context.Context<never>, name: string): void {
    if (this.limits.has(name) || this.limits.size === mostLimits) return
    this.limits.add(name)
    const attributes = { run: this.name, limit: shortenName(name) }
    const metric = Metric.gauge("effect_parallel_limited", { description: "inputs that wait for a limit", attributes })
    Metric.registerUnsafe(metric, context, { ...readOnly, get: () => ({ value: this.limited(name) }) })
  }

  /** Histogram of the durations, in milliseconds. */
  get durations(): Metric.HistogramState {
    let below = this.instant
    const buckets = boundaries.map((boundary, i): [number, number] => [boundary, below += this.buckets[i]!])
    const { count, instant } = this
    const [min, max] = count === 0 ? [0, 0] : [instant > 0 ? 0 : this.min / 1e6, this.max / 1e6]
    return { buckets, count: instant + count, sum: this.sum / 1e6, min, max }
  }
}

const registries = new WeakMap<Metric.MetricRegistry, Map<string, Series>>()

/** Returns the series of a name. Registers its metrics at the first call. */
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
  const series = new Series(run)
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
    counter("effect_parallel_inputs", { run, outcome }, get, "inputs with an outcome")
  inputs("succeeded", () => series.total("done") - series.total("failed"))
  inputs("failed", () => series.total("failed"))
  counter(
    "effect_parallel_retried",
    { run },
    () => series.total("retried"),
    "inputs that took more than one attempt"
  )
  gauge("effect_parallel_running", () => series.now("running"), "inputs that are running")
  gauge("effect_parallel_waiting", () => series.now("waiting"), "inputs that wait to be tried again")
  const description = "time that inputs took, from the start of the first attempt"
  const attributes = { run, time_unit: "milliseconds" }
  const duration = Metric.histogram("effect_parallel_input_duration", { description, attributes, boundaries })
  Metric.registerUnsafe(duration, context, { ...readOnly, get: () => series.durations })
  return series
}

const readOnly = { update: () => {}, modify: () => {} }
