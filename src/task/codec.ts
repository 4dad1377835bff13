/**
 * Values that cross through a task's schemas.
 *
 * A schema crosses as its JSON codec, so a value that cannot be cloned (an `Option`, a class) arrives unchanged.
 * `Transferable` schemas name what is moved instead of copied.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"
import { isReady } from "../primitives/effects.ts"

type AnyCodec = Schema.Codec<any, any>
type Transform = (value: unknown) => Effect.Effect<unknown, Schema.SchemaError>

interface JsonCodec {
  readonly encode: Transform
  readonly decode: Transform
}

const transfers = Transferable.makeCollectorUnsafe()
const run = Effect.runSyncExitWith(Context.make(Transferable.Collector, transfers))

const codecs = new WeakMap<AnyCodec, JsonCodec>()

const codecOf = (schema: AnyCodec): JsonCodec => {
  let codec = codecs.get(schema)
  if (codec === undefined) {
    const json = Schema.toCodecJson(schema)
    codecs.set(schema, codec = { encode: Schema.encodeUnknownEffect(json), decode: Schema.decodeUnknownEffect(json) })
  }
  return codec
}

/**
 * Runs one side of a codec to its exit. A schema that has no JSON form, or that waits, is a defect: it cannot cross. So
 * is what a schema or a getter of the value throws, and a value that is nested too deeply.
 */
const transformed = (
  side: keyof JsonCodec,
  schema: AnyCodec,
  value: unknown
): Exit.Exit<unknown, Schema.SchemaError> => {
  try {
    const effect = codecOf(schema)[side](value)
    return isReady(effect) ? effect : run(effect)
  } catch (error) {
    return Exit.die(error)
  }
}

/** Encodes a value for sending. */
export const encode = (schema: AnyCodec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  transformed("encode", schema, value)

/** Decodes a value that has arrived. */
export const decode = (schema: AnyCodec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  transformed("decode", schema, value)

/** Takes the objects that are to be moved of all values encoded since the last call. */
export const takeTransfers = (): ReadonlyArray<unknown> => transfers.clearUnsafe()
