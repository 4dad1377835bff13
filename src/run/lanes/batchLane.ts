/**
 * A lane that takes inputs in batches, for tasks on a backend that accepts them.
 *
 * No object is made for an input, unless it may be tried again or comes back unstarted: exits come as calls while the
 * batch runs, and one item serves all these calls. The lane is idle, has inputs in `batch`, or waits for a batch to
 * end. Its fiber runs no code of users.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inChildFiber } from "../../primitives/effects.ts"
import { shortenMessage } from "../../primitives/shorten.ts"
import * as Attempt from "../../task/attempt.ts"
import * as Inputs from "../inputs/contract.ts"
import { type AttemptStart, Item } from "../inputs/item.ts"
import { attemptOf } from "./attempt.ts"
import { BatchInputs } from "./batchInputs.ts"
import { type BatchLaneOptions, BatchRun } from "./batchRun.ts"
import { retryTake, Yielding } from "./retryTake.ts"

export class BatchLane<I, A, E, R> {
  readonly worker: number
  private readonly options: BatchLaneOptions<I, A, E, R>
  /** The one item that serves all inputs, where items do not come back. */
  private readonly own: Item<I> | undefined
  /** Inputs that were taken and not sent. */
  private batch: BatchInputs<I>
  private found: Inputs.Found | typeof Yielding = Inputs.Waiting

  constructor(options: BatchLaneOptions<I, A, E, R>, worker: number) {
    const { queue } = options
    this.options = options
    this.worker = worker
    this.own = queue.revisits ? undefined : new Item<I>(-1, undefined as I, worker)
    this.batch = new BatchInputs(queue.revisits)
    queue.join()
  }

  /** Runs until nothing is left to take. */
  readonly run: Effect.Effect<void, never, R> = Attempt.insideRun(Effect.suspend(() => this.loop()), undefined)

  /** Waits for inputs. Returns false if there will be none. */
  readonly ready = (): Effect.Effect<boolean> =>
    this.batch.inputs.length > 0 || this.take()
      ? Effect.succeed(true)
      : retryTake(this.found, this, this.options.turnBudget)

  /** Returns false: if the fiber ends early, the backend is at fault and the run cannot continue. */
  lost(): boolean {
    return false
  }

  /** Does nothing: no value waits in this lane. */
  keep(): void {}

  /**
   * Waits until there may be inputs. Tries to take once more in the step that begins the wait, so no input can arrive
   * unnoticed in between. An idle lane also asks other lanes for unstarted inputs.
   */
  awaitInput(): Effect.Effect<void> {
    const { batches, queue, sizer } = this.options
    return Effect.callback((resume) => {
      if (this.take() || this.found !== Inputs.Waiting) return resume(Effect.void)
      queue.wait(() => resume(Effect.void))
      if (sizer.automatic || queue.stragglers !== undefined) batches.ask()
    })
  }

  private loop(): Effect.Effect<void, never, R> {
    return Effect.flatMap(
      this.ready(),
      (ready) => ready ? Effect.flatMap(this.dispatch(), () => this.loop()) : Effect.void
    )
  }

  /** True if there are fewer workers now. Then the lane ends, and leaves the inputs to another. */
  private get isSurplus(): boolean {
    return this.worker >= this.options.count.lanes
  }

  private leave(): void {
    this.found = Inputs.Done
    this.options.queue.leave(undefined)
    this.options.queue.notify()
  }

  /** Takes a batch: adjacent inputs of an array, or else inputs one by one. Returns false if there was none. */
  private take(): boolean {
    const { batches, queue, size, sizer, turnBudget } = this.options
    if (this.isSurplus) {
      this.leave()
      return false
    }
    if (turnBudget.tick()) {
      this.found = Yielding
      return false
    }
    if (!batches.mayTake()) {
      this.found = Inputs.Waiting
      return false
    }
    const room = Math.min(sizer.next(size === undefined ? Infinity : size - queue.count), this.options.mostPerLimit)
    const first = queue.count
    const inputs = queue.takeSlice(room)
    if (inputs.length > 0) this.batch = new BatchInputs(false, inputs, first)
    else this.pick(room)
    const found = this.batch.inputs.length > 0
    if (found) batches.taken()
    return found
  }

  /** Takes up to `room` inputs one by one. */
  private pick(room: number): void {
    const { own, options: { queue } } = this
    const batch = this.batch = new BatchInputs<I>(queue.revisits)
    for (; room > 0; room--) {
      queue.mayCopy = batch.inputs.length === 0
      this.found = queue.next(own)
      if (this.found !== Inputs.Taken) return
      const item = queue.returned ?? (own === undefined ? queue.item : undefined)
      batch.push(own ?? queue.item, queue.returned)
      queue.returned = undefined
      // a copy goes in a batch of its own, so that it can be stopped
      if (item?.race?.copied === true && batch.inputs.length === 1) {
        return void (batch.copyOf = { item, round: item.round })
      }
    }
  }

  /** Runs the batch, then decides what follows its failures. */
  private dispatch(): Effect.Effect<void, never, R> {
    const { batch, options, own, worker } = this
    this.batch = new BatchInputs(options.queue.revisits)
    if (batch.copyOf !== undefined && batch.copyOf.item.round !== batch.copyOf.round) {
      // the straggler has ended before its copy began
      options.batches.ended()
      return Effect.void
    }
    const run = new BatchRun(options, batch, own, worker)
    return Effect.andThen(
      run.run(),
      Effect.suspend(() => {
        options.batches.ended()
        if (options.batches.mayTake()) options.queue.notify()
        return Effect.forEach(run.failures, (failure) => this.settle(...failure), { discard: true })
      })
    )
  }

  /** Decides what follows a failure of a batch that is over. */
  private settle(item: Item<I>, cause: Cause.Cause<E>, start: AttemptStart): Effect.Effect<void, never, R> {
    const { afterFailure, observer, queue, sink } = this.options
    if (queue.stopped) return Effect.void
    // in a fiber of its own, which the code of a user may end: that must not fail another input
    const told = () => attemptOf(this.options.run.name)(item, { attemptNumber: Math.max(1, item.attempts) })
    const decided = inChildFiber(
      Attempt.inside(afterFailure!(item, cause), told),
      () => {},
      (exit) => Exit.succeed(Exit.isSuccess(exit) ? exit.value : Exit.failCause(Cause.combine(cause, exit.cause)))
    )
    return Effect.map(decided, (next) => {
      if (queue.stopped) return
      if (sink.detailed && (Duration.isDuration(next) || item.attempts > 1)) {
        item.record(start, "Failed", shortenMessage(Cause.squash(cause)))
      }
      if (Duration.isDuration(next)) return queue.delay(item, next)
      observer?.settled(item, Exit.isFailure(next))
      let end = false
      if (Exit.isSuccess(next)) sink.onSuccess(item, next.value)
      else end = sink.onFailure(item, next.cause)
      if (end) queue.stop()
      queue.settled()
    })
  }
}
