/** A service with a changing quota, which counts the calls that it has answered. */

/** The sequence that `Limit.adaptive` was designed for: a quota for every two seconds. */
export const quotas = [20, 8, 24, 12]
export const phaseMillis = 2000
export const callMillis = 20

/** Time after a change of quota that is not counted. */
const settleMillis = 500

export class MovingService {
  private working = 0
  private readonly waiting: Array<() => void> = []
  /** Calls answered after a phase has settled; all calls; all refused calls. */
  answered = 0
  calls = 0
  refusals = 0
  private readonly now: () => number
  private readonly beganAt: number

  /** Makes a service that begins now. Times are in milliseconds. */
  constructor(now: () => number) {
    this.now = now
    this.beganAt = now()
  }

  get elapsed(): number {
    return this.now() - this.beganAt
  }

  get quota(): number {
    return quotas[Math.min(quotas.length - 1, Math.floor(this.elapsed / phaseMillis))]!
  }

  /** Admits a call. Returns false if it is refused. */
  enters(): boolean {
    this.calls++
    if (this.working < this.quota) return ++this.working > 0
    this.refusals++
    return false
  }

  /** Calls `begin` when a queued call may start. */
  queue(begin: () => void): void {
    this.calls++
    this.waiting.push(begin)
    this.serve()
  }

  /** Ends an admitted call, which is answered. */
  leaves(): void {
    this.working--
    const { elapsed } = this
    if (elapsed < quotas.length * phaseMillis && elapsed % phaseMillis >= settleMillis) this.answered++
    this.serve()
  }

  private serve(): void {
    while (this.waiting.length > 0 && this.working < this.quota) {
      this.working++
      this.waiting.shift()!()
    }
  }
}

/** How many calls a client that knows the quota would have had answered. */
export const answeredByOracle = quotas.reduce(
  (sum, quota) => sum + quota * (phaseMillis - settleMillis) / callMillis,
  0
)

/** As many inputs as are pulled. */
export function* endless(): Generator<number> {
  for (let n = 0;; n++) yield n
}
