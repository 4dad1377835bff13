/**
 * Values that cross through a task's schemas.
 *
 * A schema crosses as its JSON codec, so a value that cannot be cloned (an `Option`, a class) arrives unchanged.
 * `Transferable` schemas name what is moved instead of copied.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"
import { isReady } from "../primitives/effects.ts"

type AnyCodec = Schema.Codec<any, any>
type Transform = (value: unknown) => Exit.Exit<unknown, Schema.SchemaError>

interface JsonCodec {
  readonly encode: Transform
  readonly decode: Transform
}

const transfers = Transferable.makeCollectorUnsafe()
const run = Effect.runSyncExitWith(Context.make(Transferable.Collector, transfers))

/** Runs an encoder or decoder to its exit. A schema that waits is a defect: it cannot cross. */
const exitOf = (effect: Effect.Effect<unknown, Schema.SchemaError>): Exit.Exit<unknown, Schema.SchemaError> =>
  isReady(effect) ? effect : run(effect)

const codecs = new WeakMap<AnyCodec, JsonCodec>()

const codecOf = (schema: AnyCodec): JsonCodec => {
  let codec = codecs.get(schema)
  if (codec === undefined) {
    const json = Schema.toCodecJson(schema)
    const encode = Schema.encodeUnknownEffect(json)
    const decode = Schema.decodeUnknownEffect(json)
    codecs.set(schema, codec = { encode: (value) => exitOf(encode(value)), decode: (value) => exitOf(decode(value)) })
  }
  return codec
}

/** Encodes a value for sending. */
export const encode = (schema: AnyCodec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  codecOf(schema).encode(value)

/** Decodes a value that has arrived. */
export const decode = (schema: AnyCodec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  codecOf(schema).decode(value)

/** Takes the objects that are to be moved of all values encoded since the last call. */
export const takeTransfers = (): ReadonlyArray<unknown> => transfers.clearUnsafe()
