/**
 * Exits of flows as a journal keeps them: action and value.
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { isOut, out } from "./node.ts"

/** An exit, or what a fallback gave in its place, as data. A value that is undefined is left out. */
interface PlainOut {
  readonly action?: string
  readonly value?: unknown
}

const toPlain = (exit: unknown): PlainOut => {
  const [action, value] = isOut(exit) ? [exit.action, exit.value] : [undefined, exit]
  return { ...(action !== undefined && { action }), ...(value !== undefined && { value }) }
}

const fromPlain = ({ action, value }: PlainOut): unknown => action === undefined ? value : out(action, value)

/** Schema of what the items of a batch flow come to; their values have to be what JSON keeps as it is. */
export const outCodec: Schema.Codec<any, any> = Schema.Any.pipe(
  Schema.decodeTo(Schema.Any, SchemaTransformation.transform({ decode: fromPlain, encode: toPlain }))
)

/** Adds this schema to an option `journal` that has none. */
export const withOutCodec = (journal: unknown): unknown =>
  journal === true
    ? { success: outCodec }
    : typeof journal === "object" && journal !== null
    ? { success: outCodec, ...journal }
    : journal
