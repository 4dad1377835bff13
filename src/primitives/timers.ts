/**
 * Many points in time, one sleeper: what to do when, on Effect's clock.
 *
 * Deadlines, delayed retries and the age of stragglers are all "call this at that time, unless it was cancelled".
 * A sleeping fiber for each would cost more than the work it guards, so a run has one: it sleeps until the earliest
 * time, and most times are cancelled before they come.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { monotonic } from "./clock.ts"

/** A point in time with what happens then; `place` is its position in the heap, -1 once it is out. */
export interface Appointment {
  readonly at: number
  readonly action: () => void
  place: number
}

export class Alarm {
  private readonly clock: Clock.Clock
  private readonly time: () => number
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly heap: Array<Appointment> = []
  private sleeper: Fiber.Fiber<void> | undefined
  private wakesAt = Infinity

  constructor(clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>) {
    this.clock = clock
    this.time = monotonic(clock)
    this.fork = fork
  }

  /** The time, in milliseconds of the monotonic clock. */
  now(): number {
    return this.time() / 1e6
  }

  /** Calls `action` when `delay` has passed. */
  after(delay: Duration.Duration, action: () => void): Appointment {
    return this.at(this.now() + Duration.toMillis(delay), action)
  }

  /** Calls `action` at a time of `now`, or soon where that is past. */
  at(at: number, action: () => void): Appointment {
    const appointment = { at, action, place: this.heap.length }
    this.heap.push(appointment)
    this.rise(appointment)
    if (this.heap[0]!.at < this.wakesAt) this.sleep()
    return appointment
  }

  /** Forgets an appointment; one that has passed is forgotten already. */
  cancel(appointment: Appointment): void {
    const { place } = appointment
    if (place < 0) return
    appointment.place = -1
    const last = this.heap.pop()!
    if (last === appointment) return
    this.put(last, place)
    this.rise(last)
    this.sink(last)
  }

  /** Ends the sleeper. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    for (const appointment of this.heap) appointment.place = -1
    this.heap.length = 0
    this.wakesAt = -Infinity
    return this.sleeper === undefined ? Effect.void : Fiber.interrupt(this.sleeper)
  })

  /**
   * Sleeps until the first appointment, in place of any later sleep. Nothing rings before this returns, nor before what
   * else wakes in the same turn of the event loop: an attempt that ends just in time has ended.
   */
  private sleep(): void {
    this.sleeper?.interruptUnsafe()
    const { at } = this.heap[0]!
    this.wakesAt = at
    const delay = Math.ceil(at - this.now())
    const turn = Effect.flatMap(Effect.yieldNow, () => Effect.sync(() => this.ring()))
    this.sleeper = this.fork(delay > 0 ? Effect.flatMap(this.clock.sleep(Duration.millis(delay)), () => turn) : turn)
  }

  /** Does all that is due, also what becomes due meanwhile. */
  private ring(): void {
    this.sleeper = undefined
    this.wakesAt = -Infinity
    for (let first = this.heap[0]; first !== undefined && first.at <= this.now(); first = this.heap[0]) {
      this.cancel(first)
      first.action()
    }
    this.wakesAt = Infinity
    if (this.heap.length > 0 && this.heap[0]!.at < Infinity) this.sleep()
  }

  private put(appointment: Appointment, place: number): void {
    this.heap[place] = appointment
    appointment.place = place
  }

  private rise(appointment: Appointment): void {
    let { place } = appointment
    while (place > 0) {
      const parent = this.heap[(place - 1) >> 1]!
      if (parent.at <= appointment.at) break
      const above = parent.place
      this.put(parent, place)
      place = above
    }
    this.put(appointment, place)
  }

  private sink(appointment: Appointment): void {
    let { place } = appointment
    for (;;) {
      const left = 2 * place + 1
      if (left >= this.heap.length) break
      const right = left + 1
      const child = right < this.heap.length && this.heap[right]!.at < this.heap[left]!.at
        ? this.heap[right]!
        : this.heap[left]!
      if (child.at >= appointment.at) break
      const below = child.place
      this.put(child, place)
      place = below
    }
    this.put(appointment, place)
  }
}
