/**
 * The recorder of a run with a journal. It sits between the lanes and the sink.
 *
 * An input comes here twice. When it is taken, it is looked up, or waits for an equal input in flight (`holds`). When
 * it is settled, its outcome is written to the journal, and reported once it is durable.
 *
 * | state of an input | kept in | leads to |
 * | --- | --- | --- |
 * | looked up | `wanted`, or a group that is being read | reported, if it is recorded; under way |
 * | twin | the list of its key in `underWay` | reported, with the first of its key; under way, if that is interrupted |
 * | under way | its key is in `underWay`; a lane has the item, or the queue | unreported |
 * | unreported | `pending`, or a group being written; counted in `unreported` | reported |
 *
 * A group is what came in while the group before was written, or read. At most two fibers, one to read and one to
 * write, live as long as there is something to do. Invariants: an item is reported once, and never before it is
 * durable. After a value that cannot be encoded, what was settled before is still written and reported. After a failure
 * of the store, nothing is.
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { patience, type RecalledExit, type RunJournal, type StoredRecord } from "../../journal/record/contract.ts"
import type { JournalError } from "../../journal/record/errors.ts"
import type { Recorded } from "../../outcome/settled.ts"
import { inTime } from "../../primitives/effects.ts"
import type { Item } from "../inputs/item.ts"
import type { Recaller } from "../inputs/recaller.ts"
import { RecallCounts, withCommas } from "./recallCounts.ts"
import { factsOf } from "./settle.ts"
import type { RecordedRun, Sink } from "./sink.ts"

/**
 * Greatest number of inputs that are being looked up, of inputs in one lookup, and of inputs that wait for an equal
 * one.
 */
const mostLookedUp = 2048
const mostPerLookup = 1024
const mostTwins = 8192

/**
 * Greatest number and size (in characters) of outcomes that are not durable yet, and number of records written
 * together.
 */
const mostUnreported = 8192
const mostCharacters = 16_000_000
const mostPerGroup = 2560

/**
 * Greatest number of outcomes that are not durable yet in a run whose consumer sets the pace. It may not want the next.
 */
const mostAheadOfConsumer = 256

/** An outcome on its way to the store. One without a record is only reported, when its turn comes. */
interface PendingOutcome<I> {
  readonly item: Item<I>
  readonly exit: Exit.Exit<unknown, unknown>
  /** End of the last attempt. It is kept because an attempt that has lost a race may still write to the item. */
  readonly endedAt: number
  readonly record: StoredRecord | undefined
  readonly at: number
}

export class Recorder<I, A, E> implements Sink<I, A, E>, Recaller<I> {
  readonly detailed = true
  readonly retires: boolean
  /** Number of inputs that are settled and not reported. */
  unreported = 0
  /** The error with which the journal has ended the run, or the cause of a defect in the journal. */
  error: JournalError | undefined
  defect: Cause.Cause<never> | undefined
  private readonly journal: RunJournal
  private readonly sink: Sink<I, A, E>
  private run!: RecordedRun<I>
  /** Items that wait for an equal one, by key. The keys are those under way or looked up. */
  private readonly underWay = new Map<string, Array<Item<I>> | undefined>()
  private wanted: Array<Item<I>> = []
  /** Number of items that are being looked up, and number of twins. */
  private lookedUp = 0
  private twins = 0
  private pending: Array<PendingOutcome<I>> = []
  private characters = 0
  /** Number of failures, reported or still to be reported. */
  private failures = 0
  /** Keys of inputs that have failed in this run. For equal inputs these are not failures of an earlier run. */
  private readonly failedHere = new Set<string>()
  /** True once a failure has ended the run. Further failures are recorded, and not reported. */
  private ended = false
  /** True once nothing more is written: the store has failed, or the run waits for it no longer. */
  private closed = false
  private writer: Fiber.Fiber<void> | undefined
  private reader: Fiber.Fiber<void> | undefined
  private allTaken = false
  private readonly counts = new RecallCounts()

  constructor(journal: RunJournal, sink: Sink<I, A, E>) {
    this.journal = journal
    this.sink = sink
    this.retires = sink.retires
  }

  /** Connects the run, before it begins. */
  attach(run: RecordedRun<I>): void {
    this.run = run
    run.queue.recaller = this
  }

  /** Name of the store. */
  get store(): string {
    return this.journal.store
  }

  /** Message about what the journal holds for this run, if its store can count. */
  get greeting(): string | undefined {
    const { failed = 0, recorded, store } = this.journal
    if (recorded === undefined) return undefined
    const failures = failed === 0 ? "" : `, ${withCommas(failed)} of them failed`
    return `${this.run.name}: ${recorded === 0 ? "nothing" : withCommas(recorded)} recorded in ${store}${failures}`
  }

  /** Message about what was recalled, when the run is over. Undefined if it was logged within the last second. */
  get conclusion(): string | undefined {
    return this.counts.conclude(this.run.name, this.run.time())
  }

  /**
   * True while too many inputs are looked up, wait for an equal one, or are not durable, or while the run is about to
   * end.
   */
  get isFull(): boolean {
    return this.lookedUp >= mostLookedUp || this.twins >= mostTwins || this.characters >= mostCharacters ||
      this.unreported >= (this.retires ? mostAheadOfConsumer : mostUnreported) || this.isEnding
  }

  get isEnding(): boolean {
    return this.failures >= this.run.maxErrors
  }

  holds(item: Item<I>): boolean {
    const key = this.keyOf(item)
    if (key === undefined) return true
    item.key = key
    if (this.underWay.has(key)) {
      const twins = this.underWay.get(key)
      this.twins++
      if (twins === undefined) this.underWay.set(key, [item])
      else twins.push(item)
      return true
    }
    this.underWay.set(key, undefined)
    if (this.journal.mayHold(key)) {
      this.lookedUp++
      this.wanted.push(item)
      this.start("reader")
      return true
    }
    this.counts.unseen++
    return false
  }

  exhausted(): void {
    if (this.allTaken) return
    this.allTaken = true
    this.tellTaken()
  }

  onSuccess(item: Item<I>, value: A): void {
    this.settle(item, Exit.succeed(value))
  }

  /** Takes a failure. When the failure is reported, it is decided whether it ends the run. */
  onFailure(item: Item<I>, cause: Cause.Cause<E>): boolean {
    this.failures++
    this.settle(item, Exit.failCause(cause))
    return false
  }

  /** Waits until everything that was settled is reported, or the journal has failed. */
  readonly drained: Effect.Effect<void> = Effect.suspend(() => {
    if (this.writer !== undefined) return Effect.andThen(Fiber.await(this.writer), this.drained)
    if (this.unreported === 0 || this.closed) return Effect.void
    return Effect.die(new Error(`${this.unreported} outcomes of the run were not recorded in its journal`))
  })

  /** Ends the reader and the writer. What was settled is still written, unless that takes too long. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.reader === undefined && this.writer === undefined) return Effect.void
    const reading = this.reader === undefined ? Effect.void : Fiber.interrupt(this.reader)
    return Effect.andThen(inTime(Effect.andThen(this.drained, reading), patience), Effect.sync(() => this.giveUp()))
  })

  /** Waits no longer than `patience` for outstanding writes, since the program is ending. */
  hurry(): void {
    this.run.fork(Effect.andThen(inTime(this.drained, patience), Effect.sync(() => this.giveUp())))
  }

  private giveUp(): void {
    this.closed = true
    this.writer?.interruptUnsafe()
  }

  /** Makes the key of an input. Returns undefined if that has ended the run. */
  private keyOf({ index, input }: Item<I>): string | undefined {
    try {
      return this.journal.keyOf(input, index)
    } catch (error) {
      this.broken(Cause.fail(error))
      return undefined
    }
  }

  /**
   * Writes an outcome to the journal, and reports it when it is durable. Interruptions are not recorded: such an input
   * runs again.
   */
  private settle(item: Item<I>, exit: Exit.Exit<unknown, unknown>): void {
    const { clock, queue } = this.run
    const at = clock.currentTimeMillisUnsafe()
    let record: StoredRecord | undefined
    if (Exit.isSuccess(exit) || !Cause.hasInterruptsOnly(exit.cause)) {
      record = this.encode(item, exit, at)
      if (record === undefined) return
    }
    this.pending.push({ item, exit, endedAt: item.endedAt, record, at })
    this.unreported++
    this.characters += record?.text.length ?? 0
    if (this.retires) queue.exempt(1)
    this.start("writer")
  }

  private encode(item: Item<I>, exit: Exit.Exit<unknown, unknown>, at: number): StoredRecord | undefined {
    const { attempts, history, index, took } = factsOf(item, this.run.beganAt)
    try {
      return this.journal.encode(item.key, exit, { attempts, history, index, at, elapsedNanos: took as number })
    } catch (error) {
      this.broken(Cause.fail(error))
      return undefined
    }
  }

  /** Ends the run because of its journal. A defect there, or a store that interrupts itself, is a defect of the run. */
  private broken(cause: Cause.Cause<unknown>): void {
    const error = Cause.squash(cause)
    if (isJournalError(error)) this.error ??= error
    else if (Cause.hasInterruptsOnly(cause)) {
      this.defect ??= Cause.die(new Error("the store of the journal interrupted itself"))
    } else this.defect ??= Cause.die(error)
    this.run.queue.stop()
  }

  /**
   * Starts the fiber that reads or writes, unless it is running. It ends in the step in which it finds nothing more to
   * do.
   */
  private start(role: "reader" | "writer"): void {
    if (this[role] !== undefined || this.closed) return
    const fiber = this[role] = this.run.fork(role === "reader" ? this.read : this.write)
    fiber.addObserver((exit) => {
      if (this[role] === fiber) this[role] = undefined
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
        this.closed = true
        this.broken(exit.cause)
      }
    })
  }

  /** Reads groups of records until no input is left to look up. */
  private readonly read: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const { queue, turnBudget } = this.run
    yield* Effect.yieldNow
    while (true) {
      if (this.wanted.length === 0 || queue.stopped) return (this.reader = undefined)
      const group = this.wanted.splice(0, mostPerLookup)
      const texts = yield* Effect.exit(Effect.suspend(() => this.journal.get(group.map(({ key }) => key))))
      if (Exit.isFailure(texts)) return this.broken(texts.cause)
      for (const [k, item] of group.entries()) {
        if (turnBudget.tick()) yield* turnBudget.next
        if (queue.stopped) return
        this.found(item, texts.value[k])
      }
      queue.notify()
    }
  })

  /** Handles the record that was found for an item, or that none was. */
  private found(item: Item<I>, text: string | undefined): void {
    if (text === undefined) {
      this.counts.unseen++
      return this.release(item)
    }
    let recall: RecalledExit
    try {
      recall = this.journal.decode(item.key, text, item.index)
    } catch (error) {
      return this.broken(Cause.fail(error))
    }
    if (Exit.isFailure(recall.exit) && this.run.retryFailed && !this.failedHere.has(item.key)) {
      this.counts.failedBefore++
      return this.release(item)
    }
    this.lookedUp--
    for (const each of [item, ...this.takeTwins(item.key)]) this.recall(each, recall)
    this.tellTaken()
  }

  /** Lets an item run that was looked up. */
  private release(item: Item<I>): void {
    this.lookedUp--
    this.tellTaken()
    this.run.queue.release(item)
  }

  /** Reports an item whose outcome was recorded. */
  private recall(item: Item<I>, { exit, recorded }: RecalledExit): void {
    const { queue, time } = this.run
    item.recorded = recorded
    item.startedAt = item.endedAt = time()
    this.counts.recalled++
    if (Exit.isFailure(exit)) this.failures++
    this.report(item, exit)
    // last, since this may end the run
    queue.recalled()
  }

  /** Takes the items that waited for the item of their key, which is no longer under way. */
  private takeTwins(key: string): ReadonlyArray<Item<I>> {
    const twins = this.underWay.get(key) ?? []
    this.underWay.delete(key)
    this.twins -= twins.length
    return twins
  }

  /**
   * Lets the next item of a key run. The one that the items waited for was interrupted, so it has no recorded outcome.
   */
  private succeed(key: string): void {
    const [first, ...others] = this.underWay.get(key) ?? []
    if (first === undefined) {
      this.underWay.delete(key)
      return
    }
    this.underWay.set(key, others)
    this.twins--
    this.counts.unseen++
    this.run.queue.release(first)
  }

  /** Writes groups of records until none is pending. Reports each outcome when it is durable. */
  private readonly write: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const { queue, turnBudget } = this.run
    yield* Effect.yieldNow
    while (true) {
      if (this.pending.length === 0) return (this.writer = undefined)
      const group = this.pending.splice(0, mostPerGroup)
      const records = group.flatMap(({ record }) => record ?? [])
      const append = Effect.suspend(() => records.length === 0 ? Effect.void : this.journal.append(records))
      const written = yield* Effect.exit(append)
      if (Exit.isFailure(written)) {
        this.closed = true
        return this.broken(written.cause)
      }
      for (const outcome of group) {
        if (turnBudget.tick()) yield* turnBudget.next
        this.durable(outcome)
      }
      queue.notify()
    }
  })

  /** Reports a durable outcome to all inputs of its key. An equal input that comes later finds it recorded. */
  private durable({ at, endedAt, exit, item, record }: PendingOutcome<I>): void {
    const { key } = item
    this.unreported--
    this.characters -= record?.text.length ?? 0
    if (this.retires) this.run.queue.exempt(-1)
    item.endedAt = endedAt
    if (record === undefined) {
      this.report(item, exit)
      return this.succeed(key)
    }
    if (Exit.isFailure(exit)) this.failedHere.add(key)
    const twins = this.takeTwins(key)
    this.report(item, exit)
    if (twins.length === 0) return
    const { attempts, history, took } = factsOf(item, this.run.beganAt)
    const recorded: Recorded = {
      at: DateTime.makeUnsafe(at),
      attempts,
      elapsed: Duration.nanos(BigInt(took as number)),
      history
    }
    for (const twin of twins) this.recall(twin, { exit, recorded })
  }

  /** Reports an outcome to the sink, which may end the run. */
  private report(item: Item<I>, exit: Exit.Exit<unknown, unknown>): void {
    const { observer, queue } = this.run
    if (Exit.isFailure(exit) && this.ended) return
    observer.settled(item, Exit.isFailure(exit))
    if (Exit.isSuccess(exit)) this.sink.onSuccess(item, exit.value as A)
    else if (this.sink.onFailure(item, exit.cause as Cause.Cause<E>)) {
      this.ended = true
      queue.stop()
    }
  }

  /** Logs why inputs run, once that is known for all of them and some are still running. */
  private tellTaken(): void {
    if (!this.allTaken || this.lookedUp > 0 || this.underWay.size === 0) return
    const text = this.counts.announce(this.run.name, this.run.time())
    if (text !== undefined) this.run.fork(Effect.logInfo(text))
  }
}

const isJournalError = (error: unknown): error is JournalError =>
  (error as { readonly _tag?: unknown } | undefined)?._tag === "JournalError"
