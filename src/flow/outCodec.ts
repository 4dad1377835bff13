/**
 * Exits of flows as a journal keeps them: their action and value, wherever they are in a value.
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Unkept } from "../journal/record/json.ts"
import { isOut, out } from "./node.ts"

/** Key of an object that is an exit; a value without one is left out. */
const outKey = "~effect-parallel/Out"

/** Puts plain data in the place of an exit. Throws `Unkept` for what would be read as one. */
export const plainOut = (value: object): object => {
  if (isOut(value)) return { [outKey]: value.action, ...(value.value !== undefined && { value: value.value }) }
  if (Object.hasOwn(value, outKey)) throw new Unkept(`${outKey} is the key by which exits are known`)
  return value
}

/** Replaces the exits in a value by plain data; what holds none stays as it is. */
const toPlain = (value: unknown): unknown =>
  typeof value === "object" && value !== null ? mapped(plainOut(value), toPlain) : value

/** Puts exits in the places of what was written for them. */
export const fromPlain = (value: unknown): unknown => {
  if (isPlainObject(value) && Object.hasOwn(value, outKey)) {
    return out(value[outKey] as string, fromPlain(value["value"]))
  }
  return mapped(value, fromPlain)
}

/** Replaces the parts of an array or a plain object; gives it back itself where none changes. */
const mapped = (value: unknown, each: (part: unknown) => unknown): unknown => {
  if (Array.isArray(value)) {
    const parts = value.map(each)
    return parts.every((part, k) => part === value[k]) ? value : parts
  }
  if (!isPlainObject(value)) return value
  const entries = Object.entries(value).map(([key, part]) => [key, part, each(part)] as const)
  if (entries.every(([, before, after]) => before === after)) return value
  return Object.fromEntries(entries.map(([key, , part]) => [key, part]))
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** A value, so that undefined has a form too. */
interface PlainValue {
  readonly value?: unknown
}

/** Schema of what the items of a batch flow come to; their values have to be what JSON keeps as it is. */
const outCodec: Schema.Codec<any, any> = Schema.Any.pipe(
  Schema.decodeTo(
    Schema.Any,
    SchemaTransformation.transform({
      decode: ({ value }: PlainValue) => fromPlain(value),
      encode: (value: unknown): PlainValue => value === undefined ? {} : { value: toPlain(value) }
    })
  )
)

/** Adds this schema to an option `journal` that has none. */
export const withOutCodec = (journal: unknown): unknown => {
  if (journal === true) return { success: outCodec }
  if (typeof journal !== "object" || journal === null) return journal
  return { ...journal, success: (journal as { readonly success?: unknown }).success ?? outCodec }
}
