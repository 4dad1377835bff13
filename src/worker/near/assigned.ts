/**
 * The batches at one worker, in the order in which they were sent, each in a slot.
 *
 * Most batches begin immediately. A batch that was sent ahead waits until it is the first here, and can be taken back
 * until then. Its slot stays taken until the worker has confirmed that it knows, because the worker may read the slot
 * before that.
 *
 * Invariant: `underWay` of a run counts its batches at workers that are not `isBehindOwn`. Each of its other batches
 * has such a batch before it at the same worker and begins only after it. So no more batches of a run are in progress
 * than `underWay` counts.
 */
import { machineNow } from "../wire/machineClock.ts"
import { slots, type WorkerHandle } from "./platform.ts"
import type { BatchRequest, Keeper, Placement } from "./request.ts"

export class Assigned {
  private readonly active = new Map<number, BatchRequest>()
  private readonly free = Array.from({ length: slots }, (_, slot) => slots - 1 - slot)
  /** Slots of batches that were taken back and not yet confirmed, by identifier. */
  private readonly withdrawn = new Map<number, number>()
  private lastId = 0
  /** Time since which the first batch is the first, in milliseconds of the machine's clock. */
  busySince = 0

  /** Number of batches. */
  get size(): number {
    return this.active.size
  }

  get isFull(): boolean {
    return this.free.length === 0
  }

  /** Number of batches that were sent ahead and wait. */
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
   * Takes back the first batch that waits here and may begin elsewhere, with the batches of its run that wait behind
   * it. If the worker must be asked, asks for the first batch only and returns none.
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
        // it has begun, but its worker has not reported that yet
        request.ahead = undefined
        break
      }
      this.withdraw(request, handle, true)
      taken.push(request)
    }
    return taken
  }

  /**
   * Returns the first waiting batch that is not behind another of its run, or whose run may have one more in progress.
   * Returns none while the worker is being asked for another batch.
   */
  private firstToLeave(): BatchRequest | undefined {
    const [, ...others] = this.active.values()
    if (others.some(({ ahead }) => ahead === "Leaving")) return undefined
    return others.find(({ ahead, concurrency, isBehindOwn, isPosted, run, state }) =>
      ahead === "Waiting" && isPosted && state._tag === "Sent" && (!isBehindOwn || run.underWay < concurrency)
    )
  }

  /** Returns a batch and, unless it is itself behind another of its run, the batches of its run that wait behind it. */
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

  /** Adds a batch, of which `count` payloads will be sent. */
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

  /** Removes a batch that is over or that the worker has returned. */
  remove(request: BatchRequest): void {
    this.free.push((request.state as Placement).slot)
    this.drop(request)
  }

  /** Removes a batch that was cut before it began, and tells its worker if messages can be sent to it. */
  withdraw(request: BatchRequest, handle: WorkerHandle, isReachable: boolean): void {
    const { id, slot } = request.state as Placement
    this.withdrawn.set(id, slot)
    this.drop(request)
    if (isReachable) handle.post({ _tag: "Withdraw", id }, [])
  }

  /** Frees the slot of a batch that was taken back. Returns false if it was not. */
  forget(id: number): boolean {
    const slot = this.withdrawn.get(id)
    if (slot === undefined) return false
    this.withdrawn.delete(id)
    this.free.push(slot)
    return true
  }

  /** Frees the slots of all batches that were taken back, because the worker has ended. */
  reset(): void {
    this.free.push(...this.withdrawn.values())
    this.withdrawn.clear()
  }

  /** Drops a batch. The next batch of its run is then no longer behind another, and the next in line begins. */
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
