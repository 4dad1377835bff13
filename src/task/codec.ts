/**
 * Values on their way through a task's schemas.
 *
 * A schema crosses as its JSON codec, so that what cannot be cloned (an `Option`, a class) arrives as what it was.
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

/** What a schema gives at once; one that has to wait cannot cross. */
const now = (effect: Effect.Effect<unknown, Schema.SchemaError>): Exit.Exit<unknown, Schema.SchemaError> =>
  isReady(effect) ? effect : run(effect)

const known = new WeakMap<AnyCodec, JsonCodec>()

const codecOf = (schema: AnyCodec): JsonCodec => {
  let codec = known.get(schema)
  if (codec === undefined) {
    const json = Schema.toCodecJson(schema)
    const encode = Schema.encodeUnknownEffect(json)
    const decode = Schema.decodeUnknownEffect(json)
    known.set(schema, codec = { encode: (value) => now(encode(value)), decode: (value) => now(decode(value)) })
  }
  return codec
}

/** A value as it is sent. */
export const encode = (schema: AnyCodec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  codecOf(schema).encode(value)

/** A value as it arrives. */
export const decode = (schema: AnyCodec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  codecOf(schema).decode(value)

/** What was encoded since the last call and is to be moved. */
export const takeTransfers = (): ReadonlyArray<unknown> => transfers.clearUnsafe()
