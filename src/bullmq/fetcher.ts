/**
 * The jobs of a machine: fetched one at a time when it asks, locked while they are here, and completed when they are
 * over.
 */
import { type Job, Worker } from "bullmq"
import * as Effect from "effect/Effect"
import { Redis } from "ioredis"
import type { TakenBatch } from "../fleet/contract.ts"
import { inTime } from "../primitives/effects.ts"
import type { QueueAddress } from "./address.ts"
import { quietly } from "./bothEnds.ts"
import { type Jobs, programOf } from "./jobs.ts"
import { endNow } from "./redis.ts"

/** Share of the lease after which a waiting job is old, so that its program may be gone. */
const oldShare = 1 / 3

/** Milliseconds between two checks for jobs whose lock has expired. */
const stalledMillis = 1000
/** Seconds for which one fetch waits for a job. */
const lookSeconds = 1

/** Milliseconds before a failed fetch is tried again. */
const retryMillis = 200
/** Time limit of each step of closing, in milliseconds. */
const stepMillis = 1200

export class Fetcher {
  private readonly worker: Worker
  private readonly jobs: Jobs
  private readonly lease: number
  /** Jobs that are here. */
  private readonly held = new Map<string, Job>()
  /** The current fetch, or the last one that was stopped. */
  private fetch: Fetch | undefined
  /** Connections that BullMQ has duplicated from the one that it was given. */
  private readonly copies: Array<Redis> = []

  constructor(
    { prefix, queue }: QueueAddress,
    redis: Redis,
    jobs: Jobs,
    { lease, machine }: { readonly lease: number; readonly machine: string },
    heard: (error: Error) => void
  ) {
    this.jobs = jobs
    this.lease = lease
    redis.duplicate = (options) => {
      const copy = Redis.prototype.duplicate.call(redis, options)
      this.copies.push(copy)
      return copy
    }
    this.worker = new Worker(queue, null, {
      connection: redis,
      prefix,
      name: machine,
      autorun: false,
      lockDuration: lease,
      stalledInterval: stalledMillis,
      // a job whose machine is gone is not run again by BullMQ; its program decides
      maxStalledCount: 0,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      drainDelay: lookSeconds,
      runRetryDelay: retryMillis
    })
    this.worker.on("error", heard)
    this.worker.startStalledCheckTimer().catch(heard)
  }

  /** Waits for a batch. A job that arrives after an interruption is put back. */
  readonly take: Effect.Effect<TakenBatch> = Effect.suspend(() => {
    const fetch = this.fetch = new Fetch(this.worker, (job) => this.isWanted(job), (job) => this.end(job))
    return Effect.onInterrupt(
      Effect.map(Effect.promise(() => fetch.job), (job) => {
        fetch.found = undefined
        this.held.set(job.id!, job)
        const over = quietly(() => this.end(job))
        return { batch: typeof job.data === "string" ? job.data : "", over }
      }),
      () => Effect.sync(() => void fetch.stop())
    )
  })

  /** Keeps the locks of all jobs that are here. */
  async renew(): Promise<void> {
    const found = this.fetch?.found
    const jobs = [...this.held.values(), ...(found === undefined ? [] : [found])]
    if (jobs.length === 0) return
    await this.worker.extendJobLocks(jobs.map(({ id }) => id!), jobs.map(({ token }) => token!), this.lease)
  }

  /** Closes the fetcher, even if Redis does not answer. */
  readonly close: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    yield* inTime(quietly(async () => this.fetch?.stop()), stepMillis)
    // the programs of these jobs know that this machine has left
    yield* inTime(quietly(() => Promise.allSettled([...this.held.values()].map((job) => this.end(job)))), stepMillis)
    yield* inTime(quietly(() => this.worker.close(true)), stepMillis)
    for (const copy of this.copies) endNow(copy)
  })

  /** Returns false for a job that was lost with its machine, which its program knows, or whose program is gone. */
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

/** Fetches one wanted job. Tries until there is one or it is stopped. */
class Fetch {
  /** The job, if one was found and has not been taken. */
  found: Job | undefined = undefined
  readonly job: Promise<Job>
  private isStopped = false
  private readonly over: Promise<unknown>

  constructor(worker: Worker, isWanted: (job: Job) => Promise<boolean>, end: (job: Job) => Promise<void>) {
    const looking = this.look(worker, isWanted, end)
    this.over = looking
    this.job = looking.then((job) => job ?? new Promise<never>(() => {}))
  }

  /** Stops the fetch and puts back the job that it has found. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.over
    await this.putBack()
  }

  /** Puts back the job that it has found, if possible. */
  private async putBack(): Promise<void> {
    const { found } = this
    this.found = undefined
    await found?.moveToWait(found.token).catch(() => {})
  }

  private async look(
    worker: Worker,
    isWanted: (job: Job) => Promise<boolean>,
    end: (job: Job) => Promise<void>
  ): Promise<Job | undefined> {
    while (!this.isStopped) {
      try {
        this.found = await worker.getNextJob(globalThis.crypto.randomUUID()) as Job | undefined
        if (this.found === undefined) continue
        if (this.isStopped || await isWanted(this.found)) return this.found
        await end(this.found)
        this.found = undefined
      } catch {
        await this.putBack()
        await new Promise((resolve) => setTimeout(resolve, retryMillis))
      }
    }
    return undefined
  }
}
