/**
 * The end of a machine. It fetches jobs one at a time when it has room, keeps them locked while it has them, and sends
 * messages through channels.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Consumer } from "../fleet/contract.ts"
import type { QueueAddress } from "./address.ts"
import { quietly, saying, untilReady, writeHeard } from "./bothEnds.ts"
import { Fetcher } from "./fetcher.ts"
import { Jobs } from "./jobs.ts"
import { startPulse } from "./pulse.ts"
import { channelsOf, connect, failFast, Reachability, waitForRedis } from "./redis.ts"

export interface MachineSettings {
  readonly machine: string
  /** Milliseconds after which the lock of a job expires if its machine does not renew it. */
  readonly lease: number
  readonly maxBytes: number
}

export const make = (
  address: QueueAddress,
  { lease, machine, maxBytes }: MachineSettings
): Effect.Effect<Consumer["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const run = Effect.runForkWith(yield* Effect.context())
    const channels = channelsOf(address)
    const reachability = new Reachability(address.queue, run)
    const redis = yield* connect(address.connection, waitForRedis, reachability.lost)
    const speaker = yield* connect(address.connection, failFast, reachability.lost)
    const listener = yield* connect(address.connection, waitForRedis, reachability.lost)
    redis.on("ready", reachability.found)
    const broadcasts = yield* Queue.unbounded<string>()
    listener.on("message", (channel, text) => {
      if (channel === channels.machines) Queue.offerUnsafe(broadcasts, text)
    })
    listener.subscribe(channels.machines, channels.machine(machine)).catch(reachability.refused(listener))
    const jobs = new Jobs(redis, address, reachability.lost)
    const fetcher = yield* Effect.acquireRelease(
      Effect.sync(() => new Fetcher(address, redis, jobs, { lease, machine }, reachability.lost)),
      ({ close }) => close
    )
    const say = saying()
    const beat = yield* startPulse(address, channels.programs, lease)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lease / 3), quietly(() => fetcher.renew()))))
    yield* Effect.forkScoped(Effect.andThen(untilReady(redis), quietly(() => jobs.sweep())))

    return {
      machine,
      maxBytes,
      take: fetcher.take,
      broadcasts: Stream.fromQueue(broadcasts),
      reply: (message, program) => {
        const text = writeHeard(machine, message)
        if (program === undefined) beat(text)
        const channel = program === undefined ? channels.programs : channels.program(program)
        return say(() => speaker.publish(channel, text))
      }
    }
  })
