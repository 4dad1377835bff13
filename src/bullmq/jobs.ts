/**
 * The jobs of a queue. A batch is a job that is named after its run and whose data is the text of the batch. The job is
 * active as long as a machine has the batch, and is removed when the machine drops the batch.
 */
import { Queue } from "bullmq"
import type { Redis } from "ioredis"
import type { BatchLabel } from "../fleet/contract.ts"
import { shortenName } from "../primitives/shorten.ts"
import type { QueueAddress } from "./address.ts"
import { channelsOf } from "./redis.ts"

/** Number of events that BullMQ keeps for observers of the queue. */
const keptEvents = 10

/** Options that remove a job completely when it ends. */
const jobOptions = { removeOnComplete: true, removeOnFail: true } as const

export class Jobs {
  private readonly redis: Redis
  private readonly address: QueueAddress
  private readonly queue: Queue

  constructor(redis: Redis, address: QueueAddress, heard: (error: Error) => void) {
    const { prefix, queue: name } = address
    this.redis = redis
    this.address = address
    this.queue = new Queue(name, {
      connection: redis,
      prefix,
      streams: { events: { maxLen: keptEvents } },
      skipWaitingForReady: true
    })
    this.queue.on("error", heard)
  }

  /** Adds a batch. Does nothing if it is already there. */
  async add(id: string, batch: string, { run, task }: BatchLabel): Promise<void> {
    const name = run === task ? shortenName(run) : shortenName(`${run} (${task})`)
    await this.queue.add(name, batch, { jobId: id, ...jobOptions })
  }

  /** Removes a batch. Returns false if a machine has it. */
  async remove(id: string): Promise<boolean> {
    return await this.queue.remove(id) === 1
  }

  /** Returns the batches that a machine has, according to BullMQ. */
  async heldBy(machine: string): Promise<ReadonlyArray<string>> {
    const active = await this.redis.lrange(this.queue.toKey("active"), 0, -1)
    const holders = await Promise.all(active.map((id) => this.redis.hget(this.queue.toKey(id), "pb")))
    return active.filter((_, k) => holders[k] === machine)
  }

  /** Removes waiting batches of programs that are gone. */
  async sweep(): Promise<void> {
    const waiting = await this.redis.lrange(this.queue.toKey("wait"), 0, -1)
    const programs = [...new Set(waiting.map(programOf))]
    const gone = new Set(await this.absent(programs))
    for (const id of waiting) if (gone.has(programOf(id))) await this.queue.remove(id)
  }

  /** Returns those of the programs that are gone. */
  absent(programs: ReadonlyArray<string>): Promise<ReadonlyArray<string>> {
    return withoutListener(this.redis, programs, channelsOf(this.address).program)
  }

  async close(): Promise<void> {
    await this.queue.close()
  }
}

/** Returns the program of a batch. */
export const programOf = (id: string): string => id.slice(0, Math.max(0, id.lastIndexOf("-")))

/** Returns those of the names whose channels have no listener. */
export const withoutListener = async (
  redis: Redis,
  names: ReadonlyArray<string>,
  channelOf: (name: string) => string
): Promise<ReadonlyArray<string>> => {
  if (names.length === 0) return []
  const counts = await redis.pubsub("NUMSUB", ...names.map(channelOf)) as ReadonlyArray<string | number>
  return names.filter((_, k) => Number(counts[2 * k + 1]) === 0)
}
