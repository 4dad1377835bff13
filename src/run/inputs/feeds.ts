/**
 * Sources that have to be waited for. Their feed pulls inputs into a buffer, concurrently with the lanes.
 */
import * as Channel from "effect/Channel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Stream from "effect/Stream"
import { checkedObject, Ended, Pending, type Poll, Ready, type Source, type Window } from "./source.ts"

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
 * An async iterable, pulled with plain promises: a fiber for each pull would cost as much as the work. Invariant: one
 * pull at a time, counted in `window.pulled` from its start.
 */
export class AsyncIterableSource<I> extends Buffered<I> implements Source<I, never, never> {
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
      // not the promise's own `then`, which may call back more than once
      void Promise.prototype.then.call(Promise.resolve(this.iterator.next()), this.onResult as never, this.onDefect)
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
   * Closes the iterator and waits for `return()`, so that the `finally` of a generator has run when the run is over,
   * but no longer than `closingTime`. While a pull is pending, an async generator queues `return()` behind it, possibly
   * forever. Then this waits for only one turn of the event loop, and ignores a rejection.
   */
  readonly close = Effect.suspend(() => {
    const { iterator, pulling } = this
    const open = !this.ended && iterator !== undefined
    this.ended = true
    if (!open || iterator.return === undefined || iterator.return === null) return Effect.void
    const closed = Effect.callback<void>((resume) => {
      const returned = (async () => iterator.return!())()
      returned.then(() => resume(Effect.void), (defect) => resume(pulling ? Effect.void : Effect.die(defect)))
    })
    const late = pulling ? Effect.yieldNow : Effect.andThen(Effect.sleep(closingTime), stillOpen)
    return Effect.raceFirst(Effect.interruptible(closed), Effect.interruptible(late))
  })
}

/** Longest time that a run waits for the `return()` of an async iterator. */
const closingTime = Duration.seconds(1)

const stillOpen = Effect.logWarning(
  "the inputs of a run did not close: `return()` of their async iterator is still pending after " +
    `${Duration.format(closingTime)}; the run continues without it`
)

/**
 * A stream, pulled in a fiber of its own, a chunk at a time. The part of a chunk beyond the window waits in the buffer.
 */
export class StreamSource<I, E, R> extends Buffered<I> implements Source<I, E, R> {
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

  /** Does nothing: the feed has a scope of its own, which closes the stream. */
  readonly close = Effect.void
}
