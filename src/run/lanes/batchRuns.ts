/**
 * The batches of a run that are under way: which of them is asked for its unstarted inputs, and which inputs come back
 * again and again.
 */
import * as Duration from "effect/Duration"
import type { Timers } from "../../primitives/timers.ts"
import * as Contract from "../../task/contract.ts"
import type { BatchRun } from "./batchRun.ts"
import type { BatchSizer } from "./batchSizer.ts"

export class BatchRuns {
  private readonly active = new Set<BatchRun<any, any, any, any>>()
  private readonly timers: Timers
  private readonly sizer: BatchSizer
  private askScheduled = false
  /** Batches that came back with nothing done, by the index of their first input. */
  private readonly givenBack = new Map<number, Contract.GivenBack>()

  constructor(timers: Timers, sizer: BatchSizer) {
    this.timers = timers
    this.sizer = sizer
  }

  add(batch: BatchRun<any, any, any, any>): void {
    this.active.add(batch)
  }

  delete(batch: BatchRun<any, any, any, any>): void {
    this.active.delete(batch)
  }

  /** Records that a batch with this first input has done something. */
  progressed(index: number): void {
    this.givenBack.delete(index)
  }

  /** Returns how often a batch with this first input came back with nothing done. */
  givenBackOf(index: number): Contract.GivenBack {
    let times = this.givenBack.get(index)
    if (times === undefined) this.givenBack.set(index, times = new Contract.GivenBack())
    return times
  }

  /**
   * Recalls the unstarted inputs of the batch that has most open positions, once that batch is old enough: a lane is
   * idle.
   */
  ask(): void {
    if (this.askScheduled) return
    let most: BatchRun<any, any, any, any> | undefined
    for (const batch of this.active) if (batch.openCount > 1 && batch.openCount > (most?.openCount ?? 0)) most = batch
    if (most === undefined) return
    const age = this.timers.now() - most.startMillis
    const { recallAge } = this.sizer
    if (age >= recallAge) return most.recall()
    this.askScheduled = true
    this.timers.after(Duration.millis(recallAge - age), () => {
      this.askScheduled = false
      this.ask()
    })
  }
}
