/**
 * When a text is tried again, and how many are asked for at once.
 */
import { Limit } from "effect-parallel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Model from "./Model.ts"

/** The longest a model may ask to be left alone. When it asks for more, the text fails. */
const longest = Duration.minutes(2)

/**
 * How many texts are asked for at once: as many as the model bears, which it tells by having too many requests, and at
 * most `most`. For as long as it asks to be left alone, nothing is asked.
 */
export const limit = (most: number): Limit.Adaptive =>
  Limit.adaptive({
    max: most,
    overload: (error) => error instanceof Model.Overloaded && (isBearable(error) ? error.retryAfter ?? true : true)
  })

/**
 * When a text is tried again: up to 8 times when the model has too many requests, up to 3 times when its server failed
 * or could not be reached, and not at all when trying again changes nothing.
 *
 * **Details**
 *
 * The wait is `first` before the second attempt and twice as long before each further one, at most 10 seconds, with a
 * jitter of a fifth. A model that says when to come back is left alone for so long by `limit`.
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
