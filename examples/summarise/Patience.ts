/**
 * The retry policy and the concurrency limit for requests to a model.
 */
import { Limit } from "effect-parallel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Model from "./Model.ts"

/** The longest wait that a model may ask for. If it asks for more, the text fails. */
const longest = Duration.minutes(2)

/**
 * Makes a limit that finds how many requests the model can take concurrently, at most `most`: each 429 lowers it. While
 * the model asks to wait, no request is sent.
 */
export const limit = (most: number): Limit.Adaptive =>
  Limit.adaptive({
    max: most,
    overload: (error) => error instanceof Model.Overloaded && (isBearable(error) ? error.retryAfter ?? true : true)
  })

/**
 * Retries a text up to 8 times if the model has too many requests, up to 3 times if its server failed or could not be
 * reached, and not at all otherwise.
 *
 * **Details**
 *
 * The delay is `first` before the second attempt and doubles before each further one, up to 10 seconds, with a jitter
 * of 20 %. If the model says how long to wait, `limit` waits that long.
 */
export const retry = (first: Duration.Input) => ({
  schedule: Schedule.min([Schedule.exponential(first), Schedule.spaced("10 seconds")]).pipe(
    Schedule.jittered,
    Schedule.while(({ attempt, input }) => Effect.succeed(attempt <= retries(input)))
  )
})

const retries = (error: unknown): number => {
  if (error instanceof Model.Overloaded) return isBearable(error) ? 8 : 0
  return error instanceof Model.ServerFailed || error instanceof Model.Unreachable ? 3 : 0
}

const isBearable = ({ retryAfter }: Model.Overloaded): boolean =>
  retryAfter === undefined || Duration.isLessThanOrEqualTo(retryAfter, longest)
