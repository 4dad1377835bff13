/**
 * Sources: inputs of any kind as one lazy sequence that lanes poll.
 */
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { wrongType } from "../../primitives/check.ts"
import { shorten } from "../../primitives/shorten.ts"

/**
 * Anything inputs can come from: an array, set, map or generator, an async iterable, a `Stream`.
 *
 * **Details**
 *
 * Shape: pulled lazily, once, and never further ahead of what is done than `concurrency + preDispatch`; where tasks go
 * in batches, so many batches are in flight. A `Stream` is pulled a chunk at a time, and only when there is room for
 * one more: its last chunk may go beyond. An iterator that is not used up is closed. A string is its characters, as for
 * any `for` loop. Errors: an iterator that throws is a defect of the run, a stream that fails is its error, and its
 * services join the run's. Effects, options and results are refused, though they can be iterated: run an effect of
 * inputs first.
 *
 * @category models
 * @since 0.1.0
 */
export type Inputs<I, E = never, R = never> =
  | (Iterable<I> & { readonly [Effect.TypeId]?: never })
  | AsyncIterable<I>
  | Stream.Stream<I, E, R>

/**
 * Window of a source: number of inputs that were pulled, number of those that are done, and the greatest difference
 * between the two.
 */
export class Window {
  pulled = 0
  retired = 0
  size: number
  constructor(size: number) {
    this.size = size
  }
  /** True if one more input may be pulled. */
  get open(): boolean {
    return this.pulled - this.retired < this.size
  }
  /** Number of inputs that may be pulled; negative if a chunk went beyond the window. */
  get room(): number {
    return this.size - (this.pulled - this.retired)
  }
}

/** Result of a poll: `Ready` leaves the input in `value`; `Pending` means that one may come later. */
export type Poll = typeof Ready | typeof Pending | typeof Ended | typeof Threw
export const Ready = 0
export const Pending = 1
export const Ended = 2
const Threw = 3

/**
 * The inputs of one run.
 *
 * `poll` takes one input if there is one. A source that has to wait for its inputs has a `feed`: an effect that runs
 * concurrently with the lanes, keeps the window full, ends when the inputs end, and fails when they fail. `resume`
 * tells it that the window has opened, `stop` that nothing more is wanted. `close` closes what was opened and not used
 * up.
 */
export interface Source<out I, out E, out R> {
  readonly value: I
  /** Defect that the iterator threw, after a poll returned `Threw`. */
  readonly defect: unknown
  poll(): Poll
  /** Takes up to `count` adjacent inputs; absent if inputs come one by one. */
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

/** Returns the number of inputs, if they know it themselves. */
export const sizeOf = (inputs: Inputs<unknown, unknown, unknown>): number | undefined =>
  Array.isArray(inputs) ? inputs.length : inputs instanceof Set || inputs instanceof Map ? inputs.size : undefined

/**
 * Checks that inputs can be pulled. An effect, option or result is refused although `yield*` makes it iterable: it
 * would yield itself and not its content.
 */
export const check = (inputs: unknown): void => {
  const kinds = "an iterable, an async iterable or a Stream"
  if (Effect.isEffect(inputs)) wrongType("inputs", `${kinds}, not an Effect of them`, inputs)
  if (Option.isOption(inputs)) wrongType("inputs", `${kinds}, not an Option of them`, inputs)
  if (Result.isResult(inputs)) wrongType("inputs", `${kinds}, not a Result of them`, inputs)
  if (!(Stream.isStream(inputs) || isAsyncIterable(inputs) || isIterable(inputs))) wrongType("inputs", kinds, inputs)
}

/** Opens inputs. Calls `arrived` when a lane that found nothing should ask again. */
export const open = <I, E, R>(inputs: Inputs<I, E, R>, window: Window, arrived: () => void): Source<I, E, R> =>
  Stream.isStream(inputs)
    ? new StreamSource(inputs, window, arrived)
    : isAsyncIterable<I>(inputs)
    ? new AsyncIterableSource(inputs, window, arrived)
    : isPlainArray(inputs)
    ? new ArraySource(inputs, window)
    : new IterableSource(inputs, window, arrived)

const isIterable = (u: unknown): boolean =>
  u !== null && u !== undefined && typeof (u as Iterable<unknown>)[Symbol.iterator] === "function"

const isAsyncIterable = <I>(u: unknown): u is AsyncIterable<I> =>
  u !== null && u !== undefined && typeof (u as AsyncIterable<I>)[Symbol.asyncIterator] === "function"

const isPlainArray = <I>(u: Iterable<I>): u is ReadonlyArray<I> =>
  Array.isArray(u) && u[Symbol.iterator] === Array.prototype[Symbol.iterator]

/**
 * An array, read by index: the most common inputs, without an iterator result for each. Invariant: `window.pulled` is
 * the index of the next input.
 */
class ArraySource<I> implements Source<I, never, never> {
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
    if (pulled >= this.inputs.length) return Ended
    if (!this.window.open) return Pending
    try {
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
  get available(): number {
    return Math.min(this.window.room, this.inputs.length - this.window.pulled)
  }
  resume() {}
  stop() {}
}

/** Any other iterable, pulled by the lanes themselves. */
class IterableSource<I> implements Source<I, never, never> {
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
  /** True if a poll was refused while a pull was under way. */
  private refusedPoll = false
  constructor(inputs: Iterable<I>, window: Window, arrived: () => void) {
    this.inputs = inputs
    this.window = window
    this.arrived = arrived
  }
  /**
   * Pulls one input. An iterator that throws has ended: it is not closed, as in a `for` loop. A `next` that resumes the
   * fibers of other lanes makes them poll inside this poll; they are refused, and asked to poll again afterward.
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

/** Returns what an iterator gave if it is an object, as a `for` loop requires; throws otherwise. */
const checkedObject = <A>(result: A): A => {
  if ((typeof result === "object" && result !== null) || typeof result === "function") return result
  throw new TypeError(`expected an iterator or its result to be an object, got ${shorten(result)}`)
}

/** Buffer of inputs that an asynchronous source has pulled and no lane has taken. */
abstract class Buffered<I> {
  value!: I
  readonly defect = undefined
  readonly immediate = true
  protected ended = false
  private readonly buffer: Array<I> = []
  private head = 0

  poll(): Poll {
    if (this.head === this.buffer.length) return this.ended ? Ended : Pending
    this.value = this.buffer[this.head]!
    this.buffer[this.head++] = undefined as I
    if (this.head === this.buffer.length) {
      this.head = this.buffer.length = 0
    } else if (this.head >= 1024 && 2 * this.head >= this.buffer.length) {
      this.buffer.splice(0, this.head)
      this.head = 0
    }
    return Ready
  }

  get available(): number {
    return this.buffer.length - this.head
  }

  protected push(input: I) {
    this.buffer.push(input)
  }
}

/**
 * An async iterable. Pulled with plain promises: a fiber for each pull would cost as much as the work. Invariant: one
 * pull at a time, and it is counted in `window.pulled` from its start.
 */
class AsyncIterableSource<I> extends Buffered<I> implements Source<I, never, never> {
  private readonly inputs: AsyncIterable<I>
  private readonly window: Window
  private readonly arrived: () => void
  private iterator: AsyncIterator<I> | undefined
  private pulling = false
  private stopped = false
  private endFeed: ((exit: Effect.Effect<void>) => void) | undefined
  constructor(inputs: AsyncIterable<I>, window: Window, arrived: () => void) {
    super()
    this.inputs = inputs
    this.window = window
    this.arrived = arrived
  }

  readonly feed = Effect.callback<void>((done) => {
    if (this.stopped) return done(Effect.void)
    this.endFeed = done
    try {
      this.iterator = checkedObject(this.inputs[Symbol.asyncIterator]())
    } catch (defect) {
      this.end(Effect.die(defect))
    }
    this.resume()
    return Effect.sync(() => this.stop())
  })

  resume(): void {
    if (this.ended || this.stopped || this.pulling || this.iterator === undefined || !this.window.open) return
    this.pulling = true
    this.window.pulled++
    try {
      Promise.resolve(this.iterator.next()).then(this.onResult, this.onDefect)
    } catch (defect) {
      this.onDefect(defect)
    }
  }

  stop(): void {
    this.stopped = true
    this.endFeed?.(Effect.void)
  }

  private readonly onResult = (result: IteratorResult<I>): void => {
    this.pulling = false
    if (this.ended) return
    let value: I
    try {
      if (checkedObject(result).done) {
        this.window.pulled--
        return this.end(Effect.void)
      }
      value = result.value
    } catch (defect) {
      return this.onDefect(defect)
    }
    this.push(value)
    this.arrived()
    this.resume()
  }

  private readonly onDefect = (defect: unknown): void => {
    this.pulling = false
    if (this.ended) return
    this.window.pulled--
    this.end(Effect.die(defect))
  }

  private end(exit: Effect.Effect<void>): void {
    this.ended = true
    this.arrived()
    this.endFeed?.(exit)
  }

  /**
   * Closes the iterator and waits for `return()`, so that the `finally` of a generator has run when the run is over.
   * While a pull is pending, an async generator queues `return()` behind it, maybe forever: then this waits for one
   * turn of the event loop only, and ignores a rejection.
   */
  readonly close = Effect.callback<void>((resume) => {
    const { iterator, pulling } = this
    const open = !this.ended && iterator !== undefined
    this.ended = true
    if (!open || iterator.return === undefined) return resume(Effect.void)
    const closed = (async () => iterator.return!())()
    closed.then(() => resume(Effect.void), (defect) => resume(pulling ? Effect.void : Effect.die(defect)))
    if (pulling) resume(Effect.yieldNow)
  })
}

/**
 * A stream, pulled in a fiber of its own, a chunk at a time. The part of a chunk beyond the window waits in the buffer.
 */
class StreamSource<I, E, R> extends Buffered<I> implements Source<I, E, R> {
  private readonly window: Window
  private readonly arrived: () => void
  private resumeRoom: ((_: Effect.Effect<void>) => void) | undefined
  readonly feed: Effect.Effect<void, E, R>
  constructor(stream: Stream.Stream<I, E, R>, window: Window, arrived: () => void) {
    super()
    this.window = window
    this.arrived = arrived
    this.feed = Effect.scopedWith((scope) =>
      Effect.flatMap(Channel.toPullScoped(stream.channel, scope), (pull) => this.drain(pull))
    )
  }

  /** Pulls chunks while the window is open, until the stream ends or the source is stopped. */
  private drain(pull: Pull.Pull<ReadonlyArray<I>, E, unknown, R>): Effect.Effect<void, E, R> {
    const chunks = Effect.whileLoop({
      while: () => !this.ended,
      body: () => this.window.open ? pull : this.room,
      step: (chunk: ReadonlyArray<I> | void) => {
        if (chunk === undefined || this.ended) return
        this.window.pulled += chunk.length
        for (const input of chunk) {
          this.push(input)
          this.arrived()
        }
      }
    })
    return Effect.onExit(Pull.catchDone(chunks, () => Effect.void), () =>
      Effect.sync(() => {
        this.ended = true
        this.arrived()
      }))
  }

  /** Waits until the window opens or the source is stopped. */
  private readonly room = Effect.callback<void>((resumeRoom) => {
    this.resumeRoom = resumeRoom
    this.resume()
  })

  resume(): void {
    if (this.resumeRoom === undefined || !(this.window.open || this.ended)) return
    const { resumeRoom } = this
    this.resumeRoom = undefined
    resumeRoom(Effect.void)
  }

  stop(): void {
    this.ended = true
    this.resume()
  }

  /** Does nothing: the feed closes the stream, whose scope is its own. */
  readonly close = Effect.void
}
