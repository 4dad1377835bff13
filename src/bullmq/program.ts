/**
 * The end of a program. It puts batches into the queue and sends messages through channels. A machine is alive while it
 * listens to its channel.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Transport, TransportEvent } from "../fleet/contract.ts"
import type { QueueAddress } from "./address.ts"
import { quietly, readHeard, saying, untilReady } from "./bothEnds.ts"
import { Jobs, withoutListener } from "./jobs.ts"
import { channelsOf, connect, failFast, Reachability, waitForRedis } from "./redis.ts"

/** Milliseconds between two checks for machines that are gone. */
const lookMillis = 250
/** Milliseconds that machines have to reconnect after the program has reconnected. */
const awayMillis = 1000

/** Longest wait for the first connection, in milliseconds. */
const openMillis = 1000
/** Longest wait for closing the queue, in milliseconds. */
const closeMillis = 500

export const make = (
  address: QueueAddress,
  maxBytes: number
): Effect.Effect<Transport["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const run = Effect.runForkWith(yield* Effect.context())
    const events = yield* Queue.unbounded<TransportEvent>()
    const tell = (event: TransportEvent): void => void Queue.offerUnsafe(events, event)
    const program = globalThis.crypto.randomUUID()
    const channels = channelsOf(address)
    const reachability = new Reachability(address.queue, run)
    // messages that cannot be sent now are sent again later, so nothing waits for a connection
    const redis = yield* connect(address.connection, failFast, reachability.lost)
    const listener = yield* connect(address.connection, waitForRedis, reachability.lost)
    /** Names of the machines that have sent a message. */
    const machines = new Set<string>()
    /** Time since which Redis can be reached. */
    let readySince = Infinity
    redis.on("ready", () => {
      readySince = performance.now()
      reachability.found()
    })
    for (const connection of [redis, listener]) {
      let isFirst = true
      connection.on("ready", () => {
        if (!isFirst) tell({ _tag: "Reconnected" })
        isFirst = false
      })
    }
    redis.on("close", () => readySince = Infinity)
    listener.on("message", (_, text) => {
      const heard = readHeard(text)
      if (heard === undefined) return
      machines.add(heard.machine)
      tell({ _tag: "Message", ...heard })
    })
    // this waits for a connection; after later reconnections the client subscribes again by itself
    listener.subscribe(channels.programs, channels.program(program)).catch(reachability.refused(listener))
    /** The queue. BullMQ can open it only with a connection. */
    let known: Jobs | undefined
    const jobsOf = async (): Promise<Jobs> => {
      if (known === undefined && redis.status !== "ready") throw new Error("there is no connection to Redis yet")
      return known ??= new Jobs(redis, address, reachability.lost)
    }
    yield* Effect.addFinalizer(() =>
      Effect.asVoid(Effect.timeoutOption(quietly(async () => known?.close()), closeMillis))
    )

    /** Reports machines that are gone, and first the batches that they have. */
    const look = async (): Promise<void> => {
      if (performance.now() - readySince < awayMillis) return
      for (const machine of await withoutListener(redis, [...machines], channels.machine)) {
        for (const id of await (await jobsOf()).heldBy(machine)) tell({ _tag: "Taken", machine, id })
        machines.delete(machine)
        tell({ _tag: "Gone", machine })
      }
    }
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookMillis), quietly(look))))
    // so that a run that begins immediately finds the queue open
    yield* Effect.timeoutOption(untilReady(redis), openMillis)
    yield* Effect.forkScoped(Effect.andThen(untilReady(redis), quietly(async () => (await jobsOf()).sweep())))

    const say = saying()
    return {
      name: "bullmq",
      program,
      maxBytes,
      offer: (id, batch, label) =>
        Effect.mapError(Effect.tryPromise(async () => (await jobsOf()).add(id, batch, label)), ({ cause }) => cause),
      withdraw: (id) => Effect.orElseSucceed(Effect.tryPromise(async () => (await jobsOf()).remove(id)), () => false),
      broadcast: (message) => say(() => redis.publish(channels.machines, message)),
      events: Stream.fromQueue(events)
    }
  })
