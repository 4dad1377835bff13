/**
 * Law by which adaptive permits learn how many concurrent attempts a service can take, from its answers. It is pure and
 * synchronous, and costs O(1) per event.
 *
 * **The law**
 *
 * A refused attempt takes its slot with it. A service that can take `n` attempts refuses exactly those above `n`, so
 * `n` slots are left, in whatever order and however late the refusals come. Growth is a step above a size that is
 * proven: one slot, then two, four, up to half of the size. The next step follows when the attempts in the new slots
 * have succeeded. A refusal ends the steps. After that the size holds, and one more slot is tried now and then: soon at
 * first, and half as often after each failure. The size starts low and grows by the same steps. Slots that are not used
 * are never proven, so an idle client does not grow.
 *
 * With a `tolerance`, the mean time of a sample of attempts counts as well. The size moves to where that mean is
 * `tolerance` times the time without a line (the base), since in a line the time grows with the number of attempts in
 * flight. To find the base, the law halves the size until the time no longer falls: at the start, after every 64
 * samples, and when a lower size has not brought the time down.
 *
 * **Sources**
 *
 * Slow start, and a start of ten: RFC 5681 and RFC 6928. Slow approach, then ever faster probing beyond a plateau:
 * CUBIC, RFC 9438. No growth on unused slots: RFC 7661 and RFC 9438, section 5.8. Backing off a failed probe:
 * exponential backoff, as in RFC 8961. A size from the ratio of two times: TCP Vegas (Brakmo and Peterson, 1995) and
 * Gradient2 of Netflix's concurrency-limits. A base that is measured again by running low: ProbeRTT of BBR (Cardwell et
 * al., 2016). The decrease by slots is our own: a halving gives up slots that the service still grants.
 *
 * The constants were varied in the simulation of `test/limit/server.ts`, except `pauseFactor`. Each comment says what
 * its constant trades.
 */

/** Size at the start. A small service would refuse more; on a large one, fewer would need more rounds. */
const initialSize = 10

/** Rounds before a failed probe is first repeated. A round is as many successes as there are slots. */
const firstRounds = 2

/**
 * Least rounds and least successes before a failed probe is repeated, in the end. So a quota that stays costs less than
 * one refusal in a hundred calls, and a quota that rises is found within 12 rounds if it allows 11 attempts or more.
 */
const probeRounds = 12
const probeCalls = 128

/**
 * A failed probe that costs a pause is not repeated before 10 times that pause has passed: pauses take a tenth of the
 * time.
 */
const pauseFactor = 10

/** Number of rounds after which a sample no longer waits for stragglers. */
const stragglerRounds = 4

/**
 * Attempts in a sample of times. 16 are enough to tell a line from chance where times vary by half. With few slots, a
 * sample is 4 rounds.
 */
const sampleSize = 16
const sampleRounds = 4

/** Number of samples after which the base is measured again. That takes about two rounds at half of the size. */
const searchInterval = 64

/**
 * Factor above the tolerated time at which two samples in a row make the base be measured again. The first has lowered
 * the size, so a second means that the quota has fallen further, or that the base is wrong. One alone may be chance.
 */
const searchAbove = 1.1

/** Size of the sample for the base, as a multiple of other samples, since many decisions rest on the base. */
const baseFactor = 2

/**
 * Share of the mean below which it counts as still falling when the size is halved: without a line it would stay at 1,
 * with one it would fall to 0.5. Above this share, half of the size has emptied the line.
 */
const stillFalling = 0.75

export interface Token {
  readonly began: number
  /** Attempts in flight when it had begun, itself included. */
  readonly height: number
  readonly trial: number
  readonly awaited: boolean
}

export interface Bounds {
  readonly min: number
  readonly max: number
  /** Size at the start. Default: 10, or the nearest that is allowed. */
  readonly start?: number | undefined
  /** Tolerated mean time of an attempt, as a multiple of the base, above 1. Without it, times do not count. */
  readonly tolerance?: number | undefined
}

export class Law {
  /** Number of attempts that may be in flight now; an integer from `min` to `max`. */
  size: number
  private readonly min: number
  private readonly max: number
  private readonly tolerance: number | undefined
  private inFlight = 0
  /** Slots above the proven size. 0 while the size holds after a refusal. */
  private step: number
  /** Successes with all slots in use since the last step or refusal; and the rounds and the time to wait for. */
  private held = 0
  private patience = firstRounds
  private quietUntil = -Infinity

  /** The current trial. Attempts of an earlier one prove nothing. It ends when the awaited attempts have. */
  private trial = 0
  private peak = 0
  private toAwait = 0
  private awaited = 0
  private successes = 0
  private samples = 0
  private total = 0

  /**
   * Mean time of an attempt without a line, or 0 before it is known; and the number of trials since it was measured.
   */
  private base = 0
  private trials = 0
  /** Number of samples in a row above the tolerated time. It starts at 1, so the first sample starts a search. */
  private high = 1
  /** Size and mean when a search for the base began, and the mean before its last halving. 0 without a search. */
  private topSize = 0
  private topMean = 0
  private lastMean = 0

  constructor(options: Bounds) {
    this.min = options.min
    this.max = options.max
    this.tolerance = options.tolerance
    this.size = this.allowed(options.start ?? initialSize)
    this.step = this.size
    this.try(0)
  }

  /** Registers an attempt that starts. */
  began(now: number): Token {
    const height = ++this.inFlight
    const awaited = this.toAwait > 0 && height > this.size - Math.max(this.step, 1)
    this.peak = Math.max(this.peak, height)
    if (awaited) {
      this.toAwait--
      this.awaited++
    }
    return { began: now, height, trial: this.trial, awaited }
  }

  /** Registers an answer of the service: a success, or a failure that does not mean overload. */
  succeeded(token: Token, now: number): void {
    const full = this.inFlight-- >= this.size
    if (token.trial !== this.trial) return
    if (full) {
      this.successes++
      this.held++
    }
    if (token.awaited) {
      this.awaited--
      this.samples++
      this.total += now - token.began
    }
    if (this.tolerance === undefined && this.step === 0) return this.probe(1, now)
    const answered = this.toAwait === 0 && this.awaited === 0 || this.successes >= stragglerRounds * this.size
    if (!answered || this.samples === 0) return
    if (this.tolerance === undefined) return this.proceed(Infinity, now)
    this.judge(this.total / this.samples, this.tolerance, now)
  }

  /**
   * Registers an attempt that the service has refused as one too many. The service asks for a `pause` in milliseconds,
   * which the caller keeps.
   */
  refused(token: Token, now: number, pause = 0): void {
    const above = this.inFlight > this.size
    const used = Math.max(token.height, this.inFlight--)
    // its slot is already gone
    if (above) return
    if (this.step === 1) this.quietUntil = now + pauseFactor * pause
    else if (token.trial === this.trial) this.patience = firstRounds
    this.size = this.allowed(Math.min(this.size, used) - 1)
    this.step = 0
    this.held = 0
    this.topSize = 0
    this.try(this.size)
  }

  /** Registers an attempt that has ended in a way that says nothing about the service, for example by interruption. */
  ended(token: Token): void {
    this.inFlight--
    if (token.awaited && token.trial === this.trial) this.try(this.size - this.step)
  }

  /** Learns from the mean time of a sample. */
  private judge(mean: number, tolerance: number, now: number): void {
    if (this.topSize > 0) {
      if (this.size > this.min && mean < stillFalling * this.lastMean) return this.halve(mean)
      this.base = mean
      const size = Math.min(this.topSize, this.topSize * tolerance * mean / this.topMean)
      this.topSize = 0
      return this.settle(size)
    }
    if (this.size === this.min) this.base = mean
    const { base, size } = this
    this.high = mean > searchAbove * tolerance * base ? this.high + 1 : 0
    if (size > this.min && (++this.trials >= searchInterval || this.high > 1)) {
      this.high = 0
      this.trials = 0
      this.topSize = size
      this.topMean = mean
      return this.halve(mean)
    }
    const target = Math.floor(size * tolerance * base / mean)
    if (target < size) this.settle(target)
    else this.proceed(Math.max(1, target - size), now)
  }

  /** Halves the size in search of the base. */
  private halve(mean: number): void {
    this.lastMean = mean
    this.size = this.allowed(this.size / 2)
    this.step = 0
    this.try(this.size)
  }

  /** Takes a size that times have shown. From there it may grow by half after the next sample. */
  private settle(size: number): void {
    this.size = this.allowed(size)
    this.step = Math.max(1, this.size >> 1)
    this.try(this.size)
  }

  /** Continues after a good sample: grows by at most `room` if all slots were in use, or keeps holding. */
  private proceed(room: number, now: number): void {
    if (this.step === 0) {
      this.try(this.size)
      return this.probe(room, now)
    }
    if (this.peak < this.size) return this.try(this.peak)
    if (this.step === 1) this.patience = firstRounds
    this.grow(Math.min(2 * this.step, Math.max(1, this.size >> 1), room))
  }

  /** Tries one more slot if the size has held for long enough. */
  private probe(room: number, now: number): void {
    const { held, patience, size } = this
    const due = Math.min(patience * size, Math.max(probeRounds * size, probeCalls))
    if (held < due || now < this.quietUntil || size === this.max) return
    this.patience *= 2
    this.grow(Math.min(1, room))
  }

  private grow(step: number): void {
    const { size } = this
    this.size = this.allowed(size + step)
    this.step = this.size - size
    this.held = 0
    this.try(size)
  }

  /** Begins a trial, in which heights up to `peak` are proven. */
  private try(peak: number): void {
    const sample = this.tolerance === undefined ? 0 : Math.min(sampleSize, sampleRounds * this.size)
    const factor = this.topSize > 0 ? baseFactor : 1
    this.trial++
    this.peak = peak
    this.toAwait = Math.max(this.step, factor * sample)
    this.awaited = 0
    this.successes = 0
    this.samples = 0
    this.total = 0
  }

  private allowed(size: number): number {
    return Math.max(this.min, Math.min(this.max, Math.floor(size)))
  }
}
