/**
 * The near side of one worker: it starts it when there is work, tells who is to blame when it ends, and starts another.
 */
import { hasProperty } from "effect/Predicate"
import { type FromFar, NotStarted, type Run, type WireValue } from "../wire/messages.ts"
import { type Death, type Handle, type Keeping, type Kind, slots } from "./platform.ts"
import type { Errand } from "./request.ts"

interface Active {
  readonly errand: Errand
  readonly slot: number
  /** How many of its payloads were counted. */
  readonly count: number
  watchdog: NodeJS.Timeout | undefined
  cancelled: boolean
}

export class Seat {
  readonly number: number
  /** Whether the batch that is here has it for itself. */
  exclusive = false
  private readonly kind: Kind
  private readonly keeping: Keeping
  /** Called when there may be room again. */
  private readonly freed: () => void
  private readonly active = new Map<number, Active>()
  private readonly free = Array.from({ length: slots }, (_, slot) => slots - 1 - slot)
  private handle: Handle | undefined
  /** Whether the worker has said that it is up. */
  private up = false
  private ids = 0
  private tasks = 0
  /** Whether the worker was told to end, or is being killed: nothing new is sent to it. */
  private leaving = false
  /** The batch for which the worker is killed: late, or deaf to its interruption. */
  private culprit: Active | undefined
  private last: WireValue | undefined
  private timer: NodeJS.Timeout | undefined
  private readonly gone: Array<() => void> = []

  constructor(number: number, kind: Kind, keeping: Keeping, freed: () => void) {
    this.number = number
    this.kind = kind
    this.keeping = keeping
    this.freed = freed
  }

  /** How many batches are here. */
  get load(): number {
    return this.active.size
  }

  /** Whether a worker is up. */
  get warm(): boolean {
    return this.handle !== undefined
  }

  get open(): boolean {
    return !this.leaving && !this.exclusive && this.free.length > 0 && this.tasks < this.keeping.maxTasksPerWorker
  }

  /** Sends a batch; one larger than the worker may still take is cut. */
  begin(errand: Errand): void {
    const count = errand.prepare(this.keeping.maxTasksPerWorker - this.tasks)
    if (count === 0 || !this.staffed(errand)) return this.over(errand)
    clearTimeout(this.timer)
    const id = ++this.ids
    const slot = this.free.pop()!
    const active: Active = { errand, slot, count, watchdog: undefined, cancelled: false }
    this.active.set(id, active)
    this.tasks += count
    this.handle!.clear(slot)
    this.handle!.hold(true)
    this.exclusive = errand.alone
    errand.cancel = () => this.cancel(id, active)
    errand.recall = () => this.recall(id, active)
    if (!this.send(id, active)) return this.finish(id, active)
    this.watch(id, active)
  }

  /** Ends the worker: at once when it is idle, after its grace by force. */
  end(): Promise<void> {
    clearTimeout(this.timer)
    if (this.handle === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      this.gone.push(resolve)
      this.retire()
    })
  }

  /** Sends what of the batch can be cloned; what cannot has failed. */
  private send(id: number, { errand, slot }: Active): boolean {
    const shared = errand.shared(this.handle!)
    for (;;) {
      const { job, limits, ambient, payloads, transfer } = errand
      if (payloads.length === 0) return false
      const run: Run = {
        _tag: "Run",
        id,
        slot,
        module: job.module,
        task: job.name,
        payloads,
        timeout: limits.timeout,
        budget: limits.budget,
        shared,
        ambient
      }
      try {
        this.handle!.post(run, transfer)
        return true
      } catch (error) {
        errand.sift(error)
      }
    }
  }

  /** Heeds a message of the worker; a task may send others, of its own. */
  private receive(message: FromFar): void {
    if (!hasProperty(message, "_tag")) return
    if (message._tag === "Ready") {
      this.up = true
      return
    }
    if (message._tag === "Dying") {
      this.last = message.error
      return
    }
    const active = this.active.get(message.id)
    if (active === undefined) return
    const { errand } = active
    switch (message._tag) {
      case "Exits":
        errand.settle(message, this.number)
        if (message.over) this.finish(message.id, active)
        return
      case "Log":
        return errand.log(message, this.number)
      case "Refused":
        errand.refuse(message.refusal)
        return this.finish(message.id, active)
      case "Done":
        return this.finish(message.id, active)
    }
  }

  private finish(id: number, active: Active): void {
    clearTimeout(active.watchdog)
    this.active.delete(id)
    this.free.push(active.slot)
    this.tasks -= active.count - active.errand.told
    if (this.active.size === 0) this.rest()
    this.over(active.errand)
  }

  private over(errand: Errand): void {
    errand.end()
    this.freed()
  }

  /** Nothing to do: the worker no longer keeps the program running, and goes when it has served its time. */
  private rest(): void {
    this.exclusive = false
    if (this.leaving) return
    this.handle?.hold(false)
    if (this.tasks >= this.keeping.maxTasksPerWorker) return this.retire()
    if (this.keeping.idleTimeout === Infinity) return
    this.timer = setTimeout(() => this.retire(), this.keeping.idleTimeout).unref()
  }

  private retire(): void {
    if (this.handle === undefined || this.leaving) return
    this.leaving = true
    this.handle.hold(true)
    this.handle.post({ _tag: "End" }, [])
    this.timer = setTimeout(() => this.handle?.kill(), this.keeping.grace)
  }

  private kill(culprit: Active): void {
    if (this.culprit !== undefined) return
    this.culprit = culprit
    this.leaving = true
    this.handle?.kill()
  }

  private cancel(id: number, active: Active): void {
    if (active.cancelled || !this.active.has(id)) return
    active.cancelled = true
    clearTimeout(active.watchdog)
    this.handle?.cut?.(active.slot)
    if (!this.leaving) this.handle?.post({ _tag: "Cancel", id }, [])
    active.watchdog = setTimeout(() => this.afterMessages(id, active, () => this.kill(active)), this.keeping.grace)
  }

  private recall(id: number, active: Active): void {
    if (active.cancelled || this.leaving || !this.active.has(id)) return
    const started = this.handle?.cut?.(active.slot)
    if (started === undefined) this.handle?.post({ _tag: "Recall", id }, [])
    else active.errand.giveBack(started)
  }

  /** Kills a worker that is at one input for longer than its deadline and the grace for it. */
  private watch(id: number, active: Active): void {
    const { errand, slot } = active
    const { timeout } = errand.limits
    if (timeout === undefined) return
    const patience = timeout + this.keeping.grace
    const look = () => {
      const { position, since } = this.handle!.mark(slot)
      const waited = position < 0 || errand.settled(position) ? 0 : Number(process.hrtime.bigint()) / 1e6 - since
      if (waited >= patience) return this.kill(active)
      active.watchdog = setTimeout(() => this.afterMessages(id, active, look), patience - waited + 1)
    }
    active.watchdog = setTimeout(() => this.afterMessages(id, active, look), patience)
  }

  /** Does something unless the batch is over: a timer that is late comes before what the worker has said meanwhile. */
  private afterMessages(id: number, active: Active, action: () => void): void {
    setImmediate(() => {
      if (this.active.get(id) === active) action()
    })
  }

  /** Whether there is a worker, now or already. A batch for which none can be started has failed. */
  private staffed(errand: Errand): boolean {
    if (this.handle !== undefined) return true
    try {
      this.handle = this.kind.spawn(this.number, (message) => this.receive(message), (death) => this.died(death))
      return true
    } catch (error) {
      const death = { exitCode: undefined, signal: undefined, stderr: String(error) }
      errand.crashAll({ death, thrown: undefined }, this.number)
      return false
    }
  }

  /** Says who is to blame, and gives up what was here; the next batch starts another worker. */
  private died(death: Death): void {
    const { culprit, handle, up } = this
    const left = [...this.active]
    clearTimeout(this.timer)
    this.handle = undefined
    this.culprit = undefined
    this.leaving = this.exclusive = this.up = false
    this.tasks = 0
    const batches = left.map(([, active]) => active)
    if (culprit === undefined) this.blame(batches, handle!, death, up)
    else if (!culprit.cancelled) this.convict(culprit, batches, handle!)
    this.last = undefined
    this.active.clear()
    for (const [, active] of left) {
      clearTimeout(active.watchdog)
      this.free.push(active.slot)
      active.errand.end()
    }
    this.gone.splice(0).forEach((done) => done())
    this.freed()
  }

  /**
   * A worker ended that nobody has ended. The one input it was at is to blame. When several were under way, each is
   * run again alone. When none was, the first of a batch is to blame if it meets that for the second time: what ended the
   * worker may have been there before the batch. A worker that never was up will not be up for the others either.
   */
  private blame(left: ReadonlyArray<Active>, handle: Handle, death: Death, up: boolean): void {
    const crash = { death, thrown: this.last }
    const started = startedOf(left, handle)
    if (!up) {
      for (const { cancelled, errand } of left) if (!cancelled) errand.crashAll(crash, this.number)
    } else if (left.every(({ slot }) => handle.mark(slot).position === NotStarted)) {
      for (const { cancelled, errand } of left) {
        if (!cancelled && errand.unlucky()) errand.crash(0, crash, this.number)
      }
    } else if (started.length === 1) {
      const { active, position } = started[0]!
      if (!active.cancelled) active.errand.crash(position, crash, this.number)
    } else {
      for (const { active, position } of started) active.errand.suspect(position)
    }
  }

  /** A worker was ended since an input was late. Where others were under way, any of them may have kept it waiting. */
  private convict({ errand, slot }: Active, left: ReadonlyArray<Active>, handle: Handle): void {
    const started = startedOf(left, handle)
    if (started.length < 2) return errand.late(handle.mark(slot).position, this.number)
    for (const { active, position } of started) active.errand.suspect(position)
  }
}

/** The batches that are at an input whose end is not known. */
const startedOf = (left: ReadonlyArray<Active>, handle: Handle) =>
  left.map((active) => ({ active, position: handle.mark(active.slot).position }))
    .filter(({ active, position }) => position !== NotStarted && !active.errand.settled(position))
