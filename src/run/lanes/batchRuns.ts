/**
 * The batches of a run that are in flight. Decides whether another may be sent ahead and which one is asked for its
 * unstarted inputs, and finds inputs that come back again and again.
 */
import * as Duration from "effect/Duration"
import type { SpanRecorder } from "../../observability/spans.ts"
import type { Timers } from "../../primitives/timers.ts"
import * as Contract from "../../task/contract.ts"
import type { Stragglers } from "../inputs/stragglers.ts"
import type { BatchRun } from "./batchRun.ts"
import type { BatchSizer } from "./batchSizer.ts"
import type { LaneCount } from "./laneCount.ts"

export class BatchRuns {
  private readonly active = new Set<BatchRun<any, any, any, any>>()
  readonly spans: SpanRecorder | undefined
  private readonly timers: Timers
  private readonly sizer: BatchSizer
  private readonly count: Pick<LaneCount, "concurrency">
  /** Number of batches that lanes have taken and that have not ended. */
  private held = 0
  private askScheduled = false
  /** Batches that came back with nothing done, by the index of their first input. */
  private readonly givenBack = new Map<number, Contract.GivenBack>()

  /** Makes the batches of a run. Spans of attempts are recorded if there is a recorder. */
  constructor(
    timers: Timers,
    sizer: BatchSizer,
    count: Pick<LaneCount, "concurrency">,
    spans: SpanRecorder | undefined
  ) {
    this.timers = timers
    this.spans = spans
    this.sizer = sizer
    this.count = count
  }

  /**
   * Returns true if a lane may take a batch: a worker waits for it, or the batch goes ahead and will not wait for long.
   * Behind a slow batch it would be stuck while another worker could run it.
   */
  mayTake(): boolean {
    return this.held < this.count.concurrency || this.sizer.isQuick
  }

  taken(): void {
    this.held++
  }

  /** Counts a batch that has ended. A lane that waited for that may take one now. */
  ended(): void {
    this.held--
  }

  /** Makes batches report which inputs are in flight, as stragglers that may be copied. */
  gather(stragglers: Stragglers<any>): void {
    for (const batch of this.active) batch.join(stragglers)
  }

  add(batch: BatchRun<any, any, any, any>): void {
    this.active.add(batch)
  }

  delete(batch: BatchRun<any, any, any, any>): void {
    this.active.delete(batch)
  }

  /** Notes that the batch with this first input has made progress. */
  progressed(index: number): void {
    this.givenBack.delete(index)
  }

  /** Returns the record of how often a batch with this first input came back with nothing done. */
  givenBackOf(index: number): Contract.GivenBack {
    let times = this.givenBack.get(index)
    if (times === undefined) this.givenBack.set(index, times = new Contract.GivenBack())
    return times
  }

  /** Recalls the unstarted inputs of all batches. */
  recall(): void {
    for (const batch of this.active) batch.recall()
  }

  /**
   * Recalls the unstarted inputs of the batch with the most open positions, once that batch is old enough. A lane is
   * idle, and so is a worker if there are fewer batches than workers in use.
   */
  ask(): void {
    if (this.askScheduled || this.active.size >= this.count.concurrency) return
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
