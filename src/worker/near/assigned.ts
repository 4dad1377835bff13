/**
 * The batches at one worker, in the order in which they were sent, each in a slot.
 *
 * Most begin at once. One that was sent ahead begins when no other is here: it waits for as long as it is not the first.
 * Until then it can be taken back. Then its slot stays taken until the worker has told that it knows, since it may look there
 * before.
 *
 * Invariant: of the batches of a run that are at workers, those that are not `isBehindOwn` are counted in `underWay` of the run.
 * Each of the others has one of these before it at the same worker, where both wait for the same. So no more batches of a
 * run are under way than it counts.
 */
import { machineNow } from "../wire/machineClock.ts"
import { slots, type WorkerHandle } from "./platform.ts"
import type { BatchRequest, Keeper, Placement } from "./request.ts"

export class Assigned {
  private readonly active = new Map<number, BatchRequest>()
  private readonly free = Array.from({ length: slots }, (_, slot) => slots - 1 - slot)
  /** Slots of batches that were taken back, by identifier. */
  private readonly withdrawn = new Map<number, number>()
  private lastId = 0
  /** Time at which the first batch became the first, in milliseconds of the machine's clock. */
  busySince = 0

  /** Number of batches. */
  get size(): number {
    return this.active.size
  }

  get isFull(): boolean {
    return this.free.length === 0
  }

  /** Number of batches that wait for others. */
  get waiting(): number {
    let count = 0
    for (const { ahead } of this.active.values()) if (ahead !== undefined) count++
    return count
  }

  /** True if a batch of a run is here. */
  holds(run: BatchRequest["run"]): boolean {
    for (const request of this.active.values()) if (request.run === run) return true
    return false
  }

  /**
   * Takes back the first batch that waits here and may begin elsewhere, with those of its run that wait for it. Where the worker
   * has to be asked, it is asked for the first.
   */
  takeBack(handle: WorkerHandle): ReadonlyArray<BatchRequest> {
    const first = this.firstToLeave()
    if (first === undefined) return []
    if (handle.withdraw === undefined) {
      handle.post({ _tag: "Withdraw", id: (first.state as Placement).id }, [])
      first.ahead = "Leaving"
      return []
    }
    const taken: Array<BatchRequest> = []
    for (const request of this.withFollowers(first)) {
      if (!request.isPosted) break
      if (!handle.withdraw((request.state as Placement).slot)) {
        // it has begun, and its worker has not told yet
        request.ahead = undefined
        break
      }
      this.withdraw(request, handle, true)
      taken.push(request)
    }
    return taken
  }

  /**
   * The first batch that waits here while its run has no other under way here, or may have one more. None while the worker is
   * asked for another.
   */
  private firstToLeave(): BatchRequest | undefined {
    const [, ...others] = this.active.values()
    if (others.some(({ ahead }) => ahead === "Leaving")) return undefined
    return others.find(({ ahead, concurrency, isBehindOwn, isPosted, run, state }) =>
      ahead === "Waiting" && isPosted && state._tag === "Sent" && (!isBehindOwn || run.underWay < concurrency)
    )
  }

  /** A batch with those behind it that wait for it, since no other of their run is here. */
  private withFollowers(first: BatchRequest): ReadonlyArray<BatchRequest> {
    if (first.isBehindOwn) return [first]
    return [...this.active.values()].filter((request) =>
      request === first || (request.isBehindOwn && request.run === first.run)
    )
  }

  get(id: number): BatchRequest | undefined {
    return this.active.get(id)
  }

  /** True if a batch with this identifier has been here. */
  hasSeen(id: number): boolean {
    return id <= this.lastId
  }

  values(): Iterable<BatchRequest> {
    return this.active.values()
  }

  /** Adds a batch; `count` payloads of it will be sent. */
  add(request: BatchRequest, ahead: boolean, count: number, keeper: Keeper): Placement {
    if (this.active.size === 0) this.busySince = request.assignedAt
    const placement: Placement = { keeper, id: ++this.lastId, slot: this.free.pop()!, count }
    request.leaveQueue()
    request.state = { _tag: "Sent", ...placement }
    request.ahead = ahead ? "Waiting" : undefined
    request.isBehindOwn = ahead && this.holds(request.run)
    if (!request.isBehindOwn) request.run.underWay++
    this.active.set(placement.id, request)
    return placement
  }

  /** Removes a batch that is over, or that the worker has returned. */
  remove(request: BatchRequest): void {
    this.free.push((request.state as Placement).slot)
    this.drop(request)
  }

  /** Removes a batch that was cut before it began, and tells its worker where that listens. */
  withdraw(request: BatchRequest, handle: WorkerHandle, isReachable: boolean): void {
    const { id, slot } = request.state as Placement
    this.withdrawn.set(id, slot)
    this.drop(request)
    if (isReachable) handle.post({ _tag: "Withdraw", id }, [])
  }

  /** Frees the slot of a batch that was taken back; false if this was none. */
  forget(id: number): boolean {
    const slot = this.withdrawn.get(id)
    if (slot === undefined) return false
    this.withdrawn.delete(id)
    this.free.push(slot)
    return true
  }

  /** Frees the slots of all batches that were taken back: the worker has ended. */
  reset(): void {
    this.free.push(...this.withdrawn.values())
    this.withdrawn.clear()
  }

  /** Drops a batch. The next of its run is behind no other of it any more, and the next in line begins. */
  private drop(request: BatchRequest): void {
    const [wasFirst] = this.active.values()
    this.active.delete((request.state as Placement).id)
    if (!request.isBehindOwn) {
      const heir = this.active.values().find(({ isBehindOwn, run }) => isBehindOwn && run === request.run)
      if (heir === undefined) request.run.underWay--
      else heir.isBehindOwn = false
    }
    const [first] = this.active.values()
    if (wasFirst !== request || first === undefined) return
    this.busySince = machineNow()
    if (first.ahead === "Waiting") first.ahead = undefined
  }
}
