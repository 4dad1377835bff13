/**
 * Sends a value through a schema as if to a worker and back, without a worker.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { shorten } from "../primitives/shorten.ts"
import * as Codec from "./codec.ts"
import { ValueRefused } from "./errors.ts"

/** Encodes and decodes a value as if it crossed to a worker. */
export const cross = <V>(
  what: ValueRefused["value"],
  schema: Schema.Codec<V>,
  value: V
): Effect.Effect<V, ValueRefused> => {
  const refuse = ({ message }: Schema.SchemaError) =>
    new ValueRefused({ value: what, shown: shorten(value), issue: message })
  const encoded = Codec.encode(schema, value)
  const crossed = Exit.isSuccess(encoded) ? Codec.decode(schema, encoded.value) : encoded
  Codec.takeTransfers()
  return Effect.mapError(crossed as Exit.Exit<V, Schema.SchemaError>, refuse)
}
