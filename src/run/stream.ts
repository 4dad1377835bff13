/**
 * Runs as streams of outcomes, at the pace of the consumer.
 */
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type * as Outcome from "../Outcome.ts"
import * as Engine from "./engine.ts"
import { type Chunk, type Order, StreamSink } from "./outcomes/streamSink.ts"
import type * as Plan from "./plan.ts"

/**
 * Runs a plan as a stream of its outcomes. The run lives in the scope of the stream. If the error budget is used up,
 * calls `exceeded` with the error, so that the caller can tell it from the errors of other runs.
 */
export const stream = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>,
  order: Order,
  exceeded: (error: Outcome.TooManyErrors<I, A, E>) => void = () => {}
): Stream.Stream<Outcome.Outcome<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  Stream.fromChannel(Channel.fromTransform((_, scope) =>
    Effect.withFiber((fiber) => {
      const sink = new StreamSink<I, A, E>(order, fiber.currentDispatcher)
      const run = Engine.run(plan, (control, settings) => sink.attach(control, settings)).pipe(
        Effect.flatMap((ran) => Effect.tapError(sink.verdict(ran), (error) => Effect.sync(() => exceeded(error)))),
        Effect.exit,
        Effect.map((exit) => sink.close(exit))
      )
      return Effect.as(
        Effect.forkIn(run, scope, { startImmediately: true }),
        sink.pull as Pull.Pull<Chunk<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI>
      )
    })
  ))
