/**
 * Sources: inputs of any kind as one lazy sequence that lanes poll. This file has the contract, and the sources that
 * lanes pull themselves. Sources that have to be waited for are in `feeds`.
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { shorten } from "../../primitives/shorten.ts"

/**
 * Anything that inputs can come from: an array, set, map or generator, an async iterable, or a `Stream`.
 *
 * **Details**
 *
 * Inputs are pulled lazily, once, and never further ahead of the inputs that are done than `concurrency + preDispatch`;
 * if tasks are sent in batches, that many batches are in flight. A `Stream` is pulled one chunk at a time, and only if
 * there is room for one more input, so its last chunk may go beyond. An iterator is closed if the run stops early. A
 * string is its characters, as in any `for` loop.
 *
 * An iterator that throws is a defect of the run. A stream adds its error and its services to those of the run.
 *
 * **Gotchas**
 *
 * An effect, an `Option` or a `Result` is refused, although it can be iterated: run an effect of inputs first.
 *
 * @category models
 * @since 0.1.0
 */
export type Inputs<I, E = never, R = never> =
  | (Iterable<I> & { readonly [Effect.TypeId]?: never })
  | AsyncIterable<I>
  | Stream.Stream<I, E, R>

/**
 * Window of a source: how many inputs were pulled, how many of them are done, and the greatest difference between the
 * two. It may grow as inputs are done, up to `widest`.
 */
export class Window {
  pulled = 0
  retired = 0
  size: number
  /** Size at the start, and the greatest size it may grow to. */
  private base: number
  private widest: number
  constructor(size: number, widest = size) {
    this.size = this.base = size
    this.widest = widest
  }
  /** True if one more input may be pulled. */
  get open(): boolean {
    return this.pulled - this.retired < this.size
  }
  /** Number of inputs that may be pulled. Negative if a chunk went beyond the window. */
  get room(): number {
    return this.size - (this.pulled - this.retired)
  }
  /** Makes room: `count` more inputs are done. Returns true if the window was closed before. */
  retire(count: number): boolean {
    const wasClosed = !this.open
    this.retired += count
    if (this.size < this.widest) this.size = Math.min(this.widest, this.base + this.retired)
    return wasClosed
  }
  /** Changes the size because there are more or fewer workers. Returns true if the window was closed before. */
  resize(size: number): boolean {
    const wasClosed = !this.open
    this.base = size
    if (this.widest !== Infinity) this.widest = size
    this.size = Math.min(this.widest, size + this.retired)
    return wasClosed
  }
}

/** Result of a poll. `Ready` leaves the input in `value`; `Pending` means that one may come later. */
export type Poll = typeof Ready | typeof Pending | typeof Ended | typeof Threw
export const Ready = 0
export const Pending = 1
export const Ended = 2
const Threw = 3

/**
 * The inputs of one run.
 *
 * `poll` takes one input if one is available. A source that has to wait for its inputs has a `feed`: an effect that
 * runs concurrently with the lanes, keeps the window full, ends when the inputs end, and fails when they fail. `resume`
 * tells it that the window has opened, `stop` that nothing more is wanted. `close` closes what was opened and not used
 * up.
 */
export interface Source<out I, out E, out R> {
  readonly value: I
  /** Defect that the iterator threw, after a poll returned `Threw`. */
  readonly defect: unknown
  poll(): Poll
  /** Takes up to `count` adjacent inputs. Absent if inputs come one by one. */
  slice?(count: number): Array<I>
  /** Greatest number of inputs that polls could take now. */
  readonly available: number
  readonly feed: Effect.Effect<void, E, R> | undefined
  /** True if a poll runs only code of this library. */
  readonly immediate: boolean
  resume(): void
  stop(): void
  readonly close: Effect.Effect<void>
}

/**
 * An array, read by index: the most common inputs, without an iterator result for each. Invariant: `window.pulled` is
 * the index of the next input.
 */
export class ArraySource<I> implements Source<I, never, never> {
  value!: I
  defect: unknown
  readonly feed = undefined
  readonly immediate = true
  readonly close = Effect.void
  private readonly inputs: ReadonlyArray<I>
  private readonly window: Window
  constructor(inputs: ReadonlyArray<I>, window: Window) {
    this.inputs = inputs
    this.window = window
  }
  poll(): Poll {
    const { pulled } = this.window
    try {
      if (pulled >= this.inputs.length) return Ended
      if (!this.window.open) return Pending
      this.value = this.inputs[pulled]!
    } catch (defect) {
      this.defect = defect
      return Threw
    }
    this.window.pulled = pulled + 1
    return Ready
  }
  slice(count: number): Array<I> {
    const { pulled } = this.window
    const inputs = this.inputs.slice(pulled, pulled + Math.min(count, this.window.room))
    this.window.pulled += inputs.length
    return inputs
  }
  /** Counts an array that throws as one that has inputs, since a poll will report the defect. */
  get available(): number {
    try {
      return Math.min(this.window.room, this.inputs.length - this.window.pulled)
    } catch {
      return this.window.room
    }
  }
  resume() {}
  stop() {}
}

/** Any other iterable, pulled by the lanes themselves. */
export class IterableSource<I> implements Source<I, never, never> {
  value!: I
  defect: unknown
  readonly feed = undefined
  readonly immediate = false
  private readonly inputs: Iterable<I>
  private readonly window: Window
  private readonly arrived: () => void
  private iterator: Iterator<I> | undefined
  private ended = false
  private pulling = false
  /** True if a poll was refused while a pull was in progress. */
  private refusedPoll = false
  constructor(inputs: Iterable<I>, window: Window, arrived: () => void) {
    this.inputs = inputs
    this.window = window
    this.arrived = arrived
  }
  /**
   * Pulls one input. An iterator that throws has ended: it is not closed, as in a `for` loop. A `next` that resumes the
   * fibers of other lanes makes them poll inside this poll. Those polls are refused, and the lanes are asked to poll
   * again afterward.
   */
  poll(): Poll {
    if (this.ended) return Ended
    if (!this.window.open) return Pending
    if (this.pulling) {
      this.refusedPoll = true
      return Pending
    }
    this.pulling = true
    const poll = this.pull()
    this.pulling = false
    if (poll === Ready) this.window.pulled++
    else this.ended = true
    if (this.refusedPoll) {
      this.refusedPoll = false
      this.arrived()
    }
    return poll
  }
  private pull(): Poll {
    try {
      const result = checkedObject((this.iterator ??= this.inputs[Symbol.iterator]()).next())
      if (result.done) return Ended
      this.value = result.value
      return Ready
    } catch (defect) {
      this.defect = defect
      return Threw
    }
  }
  get available(): number {
    return this.ended ? 0 : this.window.room
  }
  resume() {}
  stop() {}
  readonly close = Effect.sync(() => {
    if (this.ended) return
    this.ended = true
    this.iterator?.return?.()
  })
}

/** Returns the result of an iterator if it is an object, as a `for` loop requires. Throws otherwise. */
export const checkedObject = <A>(result: A): A => {
  if ((typeof result === "object" && result !== null) || typeof result === "function") return result
  throw new TypeError(`expected an iterator or its result to be an object, got ${shorten(result)}`)
}
