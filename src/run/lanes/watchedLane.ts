/**
 * A lane of a run whose work may hold the event loop although the program seems to expect it on workers.
 *
 * It is a class of its own so that other lanes do not pay for it: with the watch in their code, an input of `run` takes
 * 5 % more instructions (`npm run check -- instructions`).
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { isReady } from "../../primitives/effects.ts"
import type { LoopWatch, Stretch } from "../../task/heldLoop.ts"
import { Lane, type LaneOptions } from "./lane.ts"

export class WatchedLane<I, A, E, R> extends Lane<I, A, E, R> {
  private readonly watch: LoopWatch
  /** What the attempt that runs has computed since it started, if that is measured. */
  private stretch: Stretch | undefined = undefined

  constructor(options: LaneOptions<I, A, E, R>, worker: number, watch: LoopWatch) {
    super(options, worker)
    this.watch = watch
  }

  override step(value: A | void): void {
    this.stretch?.end()
    super.step(value)
  }

  protected override leave(exit: Exit.Exit<A, E>): Effect.Effect<void, never, R> {
    this.stretch?.end()
    return super.leave(exit)
  }

  protected override start(): Effect.Effect<A, E, R> {
    this.stretch = this.watch.begin()
    const attempt = super.start()
    if (this.stretch !== undefined && isReady(attempt)) this.stretch.end()
    return attempt
  }
}
