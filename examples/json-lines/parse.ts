// The task that runs on threads: parses one line of JSON and checks it against a schema.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const Reading = Schema.Struct({ station: Schema.NonEmptyString, celsius: Schema.Finite })
export type Reading = typeof Reading.Type
const decode = Schema.decodeEffect(Schema.fromJsonString(Reading))

/** The line is not JSON, or not a reading. */
class BadLine extends Schema.TaggedError<BadLine>()("BadLine", { message: Schema.String }) {}

export const parse = Task.make("parse", {
  module: import.meta.url,
  payload: Schema.String,
  success: Reading,
  error: BadLine,
  run: (line) =>
    Effect.mapError(decode(line), ({ message }) => new BadLine({ message: message.replaceAll(/\n\s*/g, " ") }))
})
