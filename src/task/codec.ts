/**
 * Values that cross through a task's schemas.
 *
 * A schema crosses as its JSON codec, so a value that cannot be cloned (an `Option`, a class) arrives unchanged.
 * `Transferable` schemas name what is moved instead of copied.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
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

const fingerprints = new WeakMap<AnyCodec, string>()

/**
 * Describes in a few characters how the values of a schema cross: two schemas with the same JSON form have the same. Empty
 * where a schema has no JSON form, or none that can be described.
 */
export const fingerprint = (schema: AnyCodec | undefined): string => {
  if (schema === undefined) return "none"
  let found = fingerprints.get(schema)
  if (found === undefined) fingerprints.set(schema, found = describe(schema))
  return found
}

const describe = (schema: AnyCodec): string => {
  try {
    return Hash.string(JSON.stringify(Schema.toJsonSchemaDocument(Schema.toCodecJson(schema)))).toString(36)
  } catch {
    return ""
  }
}
