/**
 * A transport in memory. Its machines die, freeze and lose their connection when a test says so, on the clock of the test.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Consumer, type Transport, type TransportEvent } from "./contract.ts"

/**
 * Controls the machines of `layerMemory`: starts, stops, kills, freezes and disconnects them.
 *
 * **Details**
 *
 * A call for a machine that does not exist does nothing.
 *
 * @category services
 * @since 0.1.0
 */
export class Network extends Context.Service<Network, {
  /** Starts a machine with this name, unless there is one. */
  readonly start: (machine: string) => Effect.Effect<void>
  /** Ends a machine cleanly: its batches go back to the program. Returns when it has ended. */
  readonly stop: (machine: string) => Effect.Effect<void>
  /**
   * Ends a machine without a message. What it ran is interrupted, and its results are lost. The program learns
   * immediately that the connection is gone, or, with `silent`, when the lease has passed.
   */
  readonly kill: (machine: string, options?: { readonly silent?: boolean | undefined }) => Effect.Effect<void>
  /** Stops a machine as a debugger does, until `thaw`: its timers do not fire, and messages to it and from it wait. */
  readonly freeze: (machine: string) => Effect.Effect<void>
  /** Continues a machine that is frozen. */
  readonly thaw: (machine: string) => Effect.Effect<void>
  /** Disconnects a machine, until `heal`: messages to it and from it are lost, and it takes no batch. */
  readonly part: (machine: string) => Effect.Effect<void>
  /** Connects a machine again. */
  readonly heal: (machine: string) => Effect.Effect<void>
  /** Names of the machines that exist. */
  readonly machines: Effect.Effect<ReadonlyArray<string>>
  /** Number of batches that wait in the queue. */
  readonly queued: Effect.Effect<number>
}>()("effect-parallel/backend/Transport/Network") {}

/** Options of a network in memory. */
export interface NetworkOptions {
  readonly machines: ReadonlyArray<string>
  /** Returns the latency of the next message. A later message with less latency overtakes earlier ones. */
  readonly latency: () => Duration.Duration
  /** True if the transport reports which machine has taken a batch. */
  readonly tells: boolean
  readonly maxBytes: number | undefined
  readonly serve: Effect.Effect<never, never, Consumer>
}

/** A machine in memory. */
class MemoryMachine {
  readonly name: string
  readonly inbox: Queue.Queue<string>
  isParted = false
  isDead = false
  fiber: Fiber.Fiber<never> | undefined = undefined
  /** Takes the next batch while the machine waits for one. Returns false if it no longer waits. */
  taker: ((batch: string) => boolean) | undefined = undefined
  /** Open while the machine is not frozen. */
  readonly thawed = Latch.makeUnsafe(true)

  constructor(name: string, inbox: Queue.Queue<string>) {
    this.name = name
    this.inbox = inbox
  }
}

/** Makes the clock of a machine. No timer of it fires while the machine is frozen. */
const clockOf = (clock: Clock.Clock, { thawed }: MemoryMachine): Clock.Clock => ({
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
  currentTimeNanos: clock.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  sleep: (duration) => Effect.andThen(clock.sleep(duration), thawed.await)
})

export const make = (options: NetworkOptions): Effect.Effect<
  {
    readonly transport: Transport["Service"]
    readonly network: Network["Service"]
  },
  never,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const context = yield* Effect.context()
    const events = yield* Queue.unbounded<TransportEvent>()
    const run = Effect.runForkWith(context)
    const machines = new Map<string, MemoryMachine>()
    /** Machines that have not ended, including those that were killed. */
    const ending = new Set<MemoryMachine>()
    const waiting: Array<{ readonly id: string; readonly batch: string }> = []

    /** Delivers something after the latency of a message. */
    const later = (deliver: () => void): void => {
      const latency = options.latency()
      if (Duration.isZero(latency)) return deliver()
      run(Effect.andThen(clock.sleep(latency), Effect.sync(deliver)))
    }

    const tell = (event: TransportEvent): void => later(() => Queue.offerUnsafe(events, event))

    /** Gives batches that wait to machines that wait. */
    const pump = (): void => {
      for (const machine of machines.values()) {
        const { taker } = machine
        const next = waiting[0]
        if (next === undefined) return
        if (taker === undefined || machine.isParted || machine.isDead) continue
        waiting.shift()
        machine.taker = undefined
        if (options.tells) tell({ _tag: "Taken", machine: machine.name, id: next.id })
        later(() =>
          run(Effect.andThen(
            machine.thawed.await,
            Effect.sync(() => {
              if (machine.isDead || taker(next.batch)) return
              waiting.unshift(next)
              pump()
            })
          ))
        )
      }
    }

    const consumerOf = (machine: MemoryMachine): Consumer["Service"] => ({
      machine: machine.name,
      maxBytes: options.maxBytes,
      take: Effect.callback((resume) => {
        let waits = true
        const taker = (batch: string): boolean => {
          if (waits) resume(Effect.succeed({ batch }))
          return waits
        }
        machine.taker = taker
        pump()
        return Effect.sync(() => {
          waits = false
          if (machine.taker === taker) machine.taker = undefined
        })
      }),
      broadcasts: Stream.mapEffect(Stream.fromQueue(machine.inbox), (text) => Effect.as(machine.thawed.await, text)),
      reply: (message) =>
        Effect.andThen(
          machine.thawed.await,
          Effect.sync(() => {
            if (!machine.isDead && !machine.isParted) tell({ _tag: "Message", machine: machine.name, message })
          })
        )
    })

    const withMachine = (use: (machine: MemoryMachine) => Effect.Effect<unknown>) => (name: string) =>
      Effect.suspend(() => {
        const machine = machines.get(name)
        return machine === undefined ? Effect.void : Effect.asVoid(use(machine))
      })

    const start = (name: string) =>
      Effect.map(Queue.unbounded<string>(), (inbox) => {
        if (machines.has(name)) return
        const machine = new MemoryMachine(name, inbox)
        machines.set(name, machine)
        ending.add(machine)
        const served = Effect.provideContext(
          options.serve,
          Context.make(Consumer, consumerOf(machine)).pipe(Context.add(Clock.Clock, clockOf(clock, machine)))
        )
        machine.fiber = run(served)
        machine.fiber.addObserver(() => {
          ending.delete(machine)
          if (machines.get(name) === machine) machines.delete(name)
        })
      })

    const end = (machine: MemoryMachine): Effect.Effect<void> =>
      Effect.andThen(machine.thawed.open, Fiber.interrupt(machine.fiber!))

    const network: Network["Service"] = {
      start,
      stop: withMachine(end),
      kill: (name, { silent = false } = {}) =>
        withMachine((machine) =>
          Effect.suspend(() => {
            machine.isDead = true
            machines.delete(name)
            if (!silent) tell({ _tag: "Gone", machine: name })
            return Effect.andThen(machine.thawed.open, Effect.sync(() => machine.fiber!.interruptUnsafe()))
          })
        )(name),
      freeze: withMachine((machine) => machine.thawed.close),
      thaw: withMachine((machine) => machine.thawed.open),
      part: withMachine((machine) => Effect.sync(() => machine.isParted = true)),
      heal: withMachine((machine) =>
        Effect.sync(() => {
          machine.isParted = false
          pump()
        })
      ),
      machines: Effect.sync(() => [...machines.keys()]),
      queued: Effect.sync(() => waiting.length)
    }

    const transport: Transport["Service"] = {
      name: "memory",
      maxBytes: options.maxBytes,
      offer: (id, batch) =>
        Effect.sync(() => {
          waiting.push({ id, batch })
          pump()
        }),
      withdraw: (id) =>
        Effect.sync(() => {
          const place = waiting.findIndex((each) => each.id === id)
          if (place >= 0) waiting.splice(place, 1)
          return place >= 0
        }),
      broadcast: (message) =>
        Effect.sync(() => {
          for (const machine of machines.values()) {
            if (machine.isParted) continue
            later(() => machine.isDead || machine.isParted || Queue.offerUnsafe(machine.inbox, message))
          }
        }),
      events: Stream.fromQueue(events)
    }

    yield* Scope.addFinalizer(
      scope,
      Effect.suspend(() => Effect.forEach([...ending], end, { concurrency: "unbounded", discard: true }))
    )
    yield* Effect.forEach(options.machines, start, { discard: true })
    return { transport, network }
  })
