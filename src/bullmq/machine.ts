/**
 * A machine's end: it fetches jobs one by one when it has room, keeps them locked for as long as it has them, and speaks through
 * channels.
 */
import { type Job, Worker } from "bullmq"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Consumer, TakenBatch } from "../fleet/contract.ts"
import type { QueueAddress } from "./address.ts"
import { Jobs, programOf } from "./jobs.ts"
import { quietly, saying, untilReady, writeHeard } from "./program.ts"
import { Pulse } from "./pulse.ts"
import { channelsOf, connect, Reachability } from "./redis.ts"

/** Share of the lease after which a job that waits is old: its program may be gone. */
const oldShare = 1 / 3

/** Milliseconds between two looks for jobs whose lock has run out, and for which one fetch waits for a job. */
const stalledMillis = 1000
const fetchSeconds = 1

/** Milliseconds before a fetch that has failed is tried again, and that the end of a worker may take. */
const retryMillis = 200
const closeMillis = 2000

export interface MachineSettings {
  readonly machine: string
  /** Milliseconds that a job stays locked if nothing is heard of its machine. */
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
    const redis = yield* connect(address.connection, { maxRetriesPerRequest: null }, reachability.lost)
    const speaker = yield* connect(
      address.connection,
      { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 },
      reachability.lost
    )
    const listener = yield* connect(address.connection, { maxRetriesPerRequest: null }, reachability.lost)
    redis.on("ready", reachability.found)
    const broadcasts = yield* Queue.unbounded<string>()
    listener.on("message", (channel, text) => {
      if (channel === channels.machines) Queue.offerUnsafe(broadcasts, text)
    })
    listener.subscribe(channels.machines, channels.machine(machine)).catch(() => {})
    const jobs = new Jobs(redis, address, reachability.lost)
    const fetcher = yield* Effect.acquireRelease(
      Effect.sync(() => new Fetcher(address, redis, jobs, { lease, machine }, reachability.lost)),
      (fetcher) => Effect.asVoid(Effect.timeoutOption(quietly(() => fetcher.close()), closeMillis))
    )
    const say = saying()
    const pulse = yield* Pulse.make(address, channels.programs, lease)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lease / 3), quietly(() => fetcher.renew()))))
    yield* Effect.forkScoped(Effect.andThen(untilReady(redis), quietly(() => jobs.sweep())))

    return {
      machine,
      maxBytes,
      take: fetcher.take,
      broadcasts: Stream.fromQueue(broadcasts),
      reply: (message, program) => {
        const text = writeHeard(machine, message)
        if (program === undefined) pulse.beat(text)
        const channel = program === undefined ? channels.programs : channels.program(program)
        return say(() => speaker.publish(channel, text))
      }
    }
  })

/** Fetches jobs. One fetch goes on at most, and what it brings when nobody waits any more is put back at the end. */
class Fetcher {
  private readonly worker: Worker
  private readonly jobs: Jobs
  private readonly lease: number
  /** Jobs that are here, with the tokens of their locks. */
  private readonly held = new Map<string, Job>()
  private fetching: Promise<Job> | undefined
  /** The job that the machine has not taken yet. */
  private fetched: Job | undefined
  /** Resolves when the look for a job that goes on is over. */
  private looking: Promise<void> = Promise.resolve()
  private isClosed = false

  constructor(
    { prefix, queue }: QueueAddress,
    redis: ConstructorParameters<typeof Jobs>[0],
    jobs: Jobs,
    { lease, machine }: Pick<MachineSettings, "lease" | "machine">,
    heard: (error: Error) => void
  ) {
    this.jobs = jobs
    this.lease = lease
    this.worker = new Worker(queue, null, {
      connection: redis,
      prefix,
      name: machine,
      autorun: false,
      lockDuration: lease,
      stalledInterval: stalledMillis,
      // a job whose machine is gone does not run again by itself: its program knows better
      maxStalledCount: 0,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      drainDelay: fetchSeconds,
      runRetryDelay: retryMillis
    })
    this.worker.on("error", heard)
    this.worker.startStalledCheckTimer().catch(heard)
  }

  /** Waits for a batch. */
  readonly take: Effect.Effect<TakenBatch> = Effect.suspend(() => {
    this.fetching ??= this.fetch()
    return Effect.map(Effect.promise(() => this.fetching!), (job) => {
      this.fetching = this.fetched = undefined
      this.held.set(job.id!, job)
      const over = quietly(() => this.end(job))
      return { batch: typeof job.data === "string" ? job.data : "", over }
    })
  })

  /** Keeps the locks of all jobs that are here. */
  async renew(): Promise<void> {
    const jobs = [...this.held.values(), ...(this.fetched === undefined ? [] : [this.fetched])]
    if (jobs.length === 0) return
    await this.worker.extendJobLocks(jobs.map(({ id }) => id!), jobs.map(({ token }) => token!), this.lease)
  }

  async close(): Promise<void> {
    this.isClosed = true
    // what a fetch brings now is put back by it
    await this.looking
    await this.fetched?.moveToWait(this.fetched.token).catch(() => {})
    // the programs of the others know that this machine has left
    await Promise.allSettled([...this.held.values()].map((job) => this.end(job)))
    await this.worker.close(true)
  }

  /** Fetches until there is a job whose program is there. */
  private async fetch(): Promise<Job> {
    for (;;) {
      try {
        if (this.isClosed) return await new Promise<never>(() => {})
        const looking = this.look()
        this.looking = looking.then(() => {}, () => {})
        const job = await looking
        if (job === undefined) continue
        if (await this.isWanted(job)) return job
        this.fetched = undefined
        await this.end(job)
      } catch {
        await new Promise((resolve) => setTimeout(resolve, retryMillis))
      }
    }
  }

  /** Looks for a job, and waits a while for one; one that comes when the machine is to end is put back. */
  private async look(): Promise<Job | undefined> {
    const job = await this.worker.getNextJob(globalThis.crypto.randomUUID()) as Job | undefined
    if (job === undefined) return undefined
    if (this.isClosed) {
      await job.moveToWait(job.token)
      return undefined
    }
    this.fetched = job
    return job
  }

  /** False for a job whose machine was lost with it, which its program knows, or whose program is gone. */
  private async isWanted(job: Job): Promise<boolean> {
    if (job.stalledCounter > 0) return false
    if (Date.now() - job.timestamp < this.lease * oldShare) return true
    return (await this.jobs.absent([programOf(job.id!)])).length === 0
  }

  private async end(job: Job): Promise<void> {
    this.held.delete(job.id!)
    await job.moveToCompleted(null, job.token!, false)
  }
}
