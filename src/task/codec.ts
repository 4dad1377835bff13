/**
 * Encodes and decodes values by the schemas of a task.
 *
 * Values cross by the JSON codec of their schema, so a value that cannot be cloned (an `Option`, an instance of a
 * class) arrives intact. `Transferable` schemas mark the parts that are moved instead of copied.
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
 * Runs one side of a codec and returns its exit. A schema without a JSON form, or one that runs asynchronously, is a
 * defect. So is an error thrown by a schema or a getter of the value, and a value that is nested too deeply.
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

/** Takes the objects to move, of all values encoded since the last call. */
export const takeTransfers = (): ReadonlyArray<unknown> => transfers.clearUnsafe()

const fingerprints = new WeakMap<AnyCodec, string>()

/**
 * Returns a short fingerprint of the JSON form of a schema. Schemas with the same JSON form have the same fingerprint.
 * It is empty if the schema has no JSON form, or one that cannot be described.
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
