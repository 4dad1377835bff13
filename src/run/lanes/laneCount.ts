/**
 * The number of lanes of a run. If inputs go in batches to a backend that takes them ahead, there are twice as many
 * lanes as workers in use: while a worker runs the batch of one lane, the next batch is there already.
 */
import type * as Backend from "../../Backend.ts"

export class LaneCount {
  /** Greatest number of inputs, or of batches, in flight. It changes when the number of workers does. */
  concurrency: number
  private readonly backend: Pick<Backend.Backend, "prefetch" | "workers"> | undefined

  /** Makes a count. `backend` is the backend of a run whose inputs go in batches. */
  constructor(concurrency: number, backend: Pick<Backend.Backend, "prefetch" | "workers"> | undefined) {
    this.concurrency = concurrency
    this.backend = backend
  }

  /** Number of lanes. A worker that has several batches in flight is never idle, so nothing is sent ahead to it. */
  get lanes(): number {
    const { backend, concurrency } = this
    return backend?.prefetch === true && concurrency <= backend.workers ? 2 * concurrency : concurrency
  }
}
