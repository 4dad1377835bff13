/**
 * Durations as options take them.
 */
import type * as Duration from "effect/Duration"

/**
 * A duration, whose form compilers name where something else is given: `"5 secs"` is not a `DurationInput<"5 seconds">`.
 */
export type DurationInput<Form extends string> = Exclude<Duration.Input, Form extends string ? never : Duration.Input>
