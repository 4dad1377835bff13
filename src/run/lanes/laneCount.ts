/**
 * How many lanes a run has. Where inputs go in batches to a backend that takes them ahead, there are twice as many as
 * workers in use: while a worker is at the batch of one lane, the next batch is there already.
 */
import type * as Backend from "../../Backend.ts"

export class LaneCount {
  /** Greatest number of inputs, or of batches, that are under way at once; it may change where workers come and go. */
  concurrency: number
  private readonly backend: Pick<Backend.Backend, "prefetch" | "workers"> | undefined

  /** Makes a count; the backend is that of a run whose inputs go in batches. */
  constructor(concurrency: number, backend: Pick<Backend.Backend, "prefetch" | "workers"> | undefined) {
    this.concurrency = concurrency
    this.backend = backend
  }

  /** Number of lanes. A worker that has several batches at once is never idle, so nothing is sent ahead to it. */
  get lanes(): number {
    const { backend, concurrency } = this
    return backend?.prefetch === true && concurrency <= backend.workers ? 2 * concurrency : concurrency
  }
}
