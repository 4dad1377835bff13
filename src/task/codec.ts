/**
 * Values on their way through a task's schemas.
 *
 * A schema crosses as its JSON codec, so that what cannot be cloned (an `Option`, a class) arrives as what it was.
 * `Transferable` schemas name what is moved instead of copied.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"
import { isReady } from "./deadline.ts"

type Codec = Schema.Codec<any, any>
type Way = (value: unknown) => Exit.Exit<unknown, Schema.SchemaError>

interface Ways {
  readonly encode: Way
  readonly decode: Way
}

const moved = Transferable.makeCollectorUnsafe()
const run = Effect.runSyncExitWith(Context.make(Transferable.Collector, moved))

/** What a schema gives at once; one that has to wait cannot cross. */
const now = (effect: Effect.Effect<unknown, Schema.SchemaError>): Exit.Exit<unknown, Schema.SchemaError> =>
  isReady(effect) ? effect : run(effect)

const known = new WeakMap<Codec, Ways>()

const waysOf = (schema: Codec): Ways => {
  let ways = known.get(schema)
  if (ways === undefined) {
    const codec = Schema.toCodecJson(schema)
    const encode = Schema.encodeUnknownEffect(codec)
    const decode = Schema.decodeUnknownEffect(codec)
    known.set(schema, ways = { encode: (value) => now(encode(value)), decode: (value) => now(decode(value)) })
  }
  return ways
}

/** A value as it is sent. */
export const encode = (schema: Codec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  waysOf(schema).encode(value)

/** A value as it arrives. */
export const decode = (schema: Codec, value: unknown): Exit.Exit<unknown, Schema.SchemaError> =>
  waysOf(schema).decode(value)

/** What was encoded since the last call and is to be moved. */
export const takeMoved = (): ReadonlyArray<unknown> => moved.clearUnsafe()
