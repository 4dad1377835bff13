/**
 * A service and its client in virtual time, which measure a law for a limit on a changing quota.
 */
import { Random } from "../fuzz/random.ts"

/** The interface of a law. */
export interface Law<T> {
  readonly size: number
  readonly began: (now: number) => T
  readonly succeeded: (token: T, now: number) => void
  readonly refused: (token: T, now: number, pause?: number) => void
  readonly ended: (token: T, now: number) => void
}

/** From `at` on, the service takes `quota` concurrent calls, and a call takes `millis` on average. Times are in ms. */
export interface Phase {
  readonly at: number
  readonly quota: number
  readonly millis?: number | undefined
  /** How many calls the client wants to make concurrently. The default is more than it may. */
  readonly demand?: number | undefined
}

export interface Service {
  readonly phases: ReadonlyArray<Phase>
  readonly end: number
  readonly seed?: number | undefined
  /**
   * Length of the queue for calls beyond the quota, as a multiple of the quota. The service refuses a call that arrives
   * when the queue is full. 0, the default, is a service without a queue.
   */
  readonly line?: number | undefined
  /** Duration of a refusal. The default is 0: it arrives before the next call starts. */
  readonly refusal?: number | undefined
  /** Deviation of the time of a call from its mean, uniform to both sides. The default is 0.3. */
  readonly jitter?: number | undefined
  /** Draws the time of a call with mean 1, instead of `jitter`. */
  readonly draw?: ((random: Random) => number) | undefined
  /** Time for which the client starts nothing after a refusal. */
  readonly retryAfter?: number | undefined
  /** Share of successful calls that end without information. */
  readonly silent?: number | undefined
  /** Share of calls that are refused independently of the quota. */
  readonly noise?: number | undefined
  /** Time at the start of each phase that is not counted. */
  readonly settle?: number | undefined
}

/** The result of a phase after it has settled. */
interface Figures {
  readonly quota: number
  /** Calls that succeeded, per call that an oracle would have finished. */
  readonly share: number
  /** Calls that were refused, per call that was started, in the whole phase. */
  readonly refused: number
  /** The same, after the phase has settled. */
  readonly settledRefused: number
  /** Mean time of a successful call, relative to a call that does not queue. */
  readonly latency: number
  readonly smallest: number
  readonly largest: number
}

export interface Result {
  readonly phases: ReadonlyArray<Figures>
  readonly share: number
  readonly refused: number
  readonly latency: number
  /** Returns when the size first had at least this value. */
  readonly reached: (size: number) => number
}

interface Call<T> {
  readonly token: T
  readonly at: number
  duration: number
}

/** Runs a client that keeps as many calls in flight as the law allows. Calls `check` after each event. */
export const simulate = <T>(law: Law<T>, service: Service, check: (now: number) => void = () => {}): Result => {
  const { end, jitter = 0.3, line = 0, phases, refusal = 0, retryAfter = 0, settle = 500 } = service
  const random = new Random(service.seed ?? 1)
  const events = new Events()
  const waiting: Array<Call<T>> = []
  const tallies = phases.map(() => ({
    done: 0,
    latency: 0,
    started: 0,
    refused: 0,
    earlyStarted: 0,
    earlyRefused: 0,
    smallest: Infinity,
    largest: 0
  }))
  const sizes: Array<readonly [at: number, size: number]> = []
  let index = 0
  let working = 0
  let inFlight = 0
  let pausedUntil = 0
  let now = 0

  const phase = () => phases[index]!
  const settled = () => now >= phase().at + settle
  const draw = service.draw ?? ((random: Random) => 1 + jitter * (2 * random.next() - 1))

  const work = (call: Call<T>) => {
    working++
    events.add(now + call.duration, () => {
      working--
      while (waiting.length > 0 && working < phase().quota) work(waiting.shift()!)
      inFlight--
      if (random.chance(service.silent ?? 0)) return law.ended(call.token, now)
      law.succeeded(call.token, now)
      if (!settled()) return
      tallies[index]!.done++
      tallies[index]!.latency += (now - call.at) / (phase().millis ?? 20)
    })
  }
  const refuse = (token: T) => {
    inFlight--
    pausedUntil = Math.max(pausedUntil, now + retryAfter)
    if (retryAfter > 0) events.add(pausedUntil, () => {})
    law.refused(token, now, retryAfter)
  }
  const mayStart = () => now >= pausedUntil && inFlight < Math.min(law.size, phase().demand ?? Infinity)
  const start = () => {
    inFlight++
    tallies[index]!.started++
    if (!settled()) tallies[index]!.earlyStarted++
    const call = { token: law.began(now), at: now, duration: (phase().millis ?? 20) * draw(random) }
    const noisy = random.chance(service.noise ?? 0)
    if (working < phase().quota && !noisy) return work(call)
    if (waiting.length < line * phase().quota && !noisy) return void waiting.push(call)
    tallies[index]!.refused++
    if (!settled()) tallies[index]!.earlyRefused++
    if (refusal === 0) return refuse(call.token)
    events.add(now + refusal, () => refuse(call.token))
  }

  for (const [i, { at }] of phases.entries()) {
    events.add(at, () => {
      index = i
      while (waiting.length > 0 && working < phase().quota) work(waiting.shift()!)
    })
  }
  let atOnce = 0
  for (let event = events.next(); event !== undefined && event.at < end; event = events.next()) {
    atOnce = event.at === now ? atOnce + 1 : 0
    now = event.at
    event.run()
    while (mayStart()) {
      if (++atOnce > 100_000) throw new Error(`the client makes no headway at ${now} ms`)
      start()
    }
    const tally = tallies[index]!
    if (sizes.at(-1)?.[1] !== law.size) sizes.push([now, law.size])
    if (settled()) {
      tally.smallest = Math.min(tally.smallest, law.size)
      tally.largest = Math.max(tally.largest, law.size)
    }
    check(now)
  }

  const possible = phases.map(({ at, millis = 20, quota }, i) =>
    ((phases[i + 1]?.at ?? end) - at - settle) * quota / millis
  )
  const figures = tallies.map((tally, i): Figures => ({
    quota: phases[i]!.quota,
    share: tally.done / possible[i]!,
    refused: tally.refused / Math.max(1, tally.started),
    settledRefused: (tally.refused - tally.earlyRefused) / Math.max(1, tally.started - tally.earlyStarted),
    latency: tally.latency / tally.done,
    smallest: tally.smallest,
    largest: tally.largest
  }))
  const sum = (of: (tally: typeof tallies[number]) => number) => tallies.reduce((sum, tally) => sum + of(tally), 0)
  return {
    phases: figures,
    share: sum((tally) => tally.done) / possible.reduce((sum, calls) => sum + calls, 0),
    refused: sum((tally) => tally.refused) / sum((tally) => tally.started),
    latency: sum((tally) => tally.latency) / sum((tally) => tally.done),
    reached: (size) => sizes.find((entry) => entry[1] >= size)?.[0] ?? Infinity
  }
}

interface Event {
  readonly at: number
  readonly nr: number
  readonly run: () => void
}

/** Events by time, and by order of addition for equal times. A binary heap. */
class Events {
  private readonly heap: Array<Event> = []
  private added = 0

  add(at: number, run: () => void): void {
    const event = { at, nr: this.added++, run }
    let i = this.heap.length
    for (let up = (i - 1) >> 1; i > 0 && before(event, this.heap[up]!); up = (i - 1) >> 1) {
      this.heap[i] = this.heap[up]!
      i = up
    }
    this.heap[i] = event
  }

  next(): Event | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let i = 0
    for (let down = 1; down < heap.length; down = 2 * i + 1) {
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++
      if (!before(heap[down]!, last)) break
      heap[i] = heap[down]!
      i = down
    }
    heap[i] = last
    return first
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || a.at === b.at && a.nr < b.nr
