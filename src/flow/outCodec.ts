/**
 * Exits of flows in the form in which a journal stores them: as action and value, at any place in a value.
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Unkept } from "../journal/record/json.ts"
import { isOut, out } from "./node.ts"

/** The key that marks an object as an exit. */
const outKey = "~effect-parallel/Out"

/**
 * Converts an exit to plain data, and returns another object unchanged. Throws `Unkept` for one that would be read as
 * an exit.
 */
export const plainOut = (value: object): object => {
  if (isOut(value)) return { [outKey]: value.action, ...(value.value !== undefined && { value: value.value }) }
  if (Object.hasOwn(value, outKey)) throw new Unkept(`${outKey} is the key that marks exits of flows`)
  return value
}

/** Replaces the exits in a value by plain data. Parts without exits stay the same objects. */
const toPlain = (value: unknown): unknown =>
  typeof value === "object" && value !== null ? mapped(plainOut(value), toPlain) : value

/** Replaces plain data that stands for exits by exits. */
export const fromPlain = (value: unknown): unknown => {
  if (isPlainObject(value) && Object.hasOwn(value, outKey)) {
    return out(value[outKey] as string, fromPlain(value["value"]))
  }
  return mapped(value, fromPlain)
}

/** Replaces the parts of an array or a plain object. Returns the same object if no part changes. */
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

/** A wrapped value, so that `undefined` has a JSON form. */
interface PlainValue {
  readonly value?: unknown
}

/** The schema for the results of a batch flow's items. Their values must be data that JSON does not change. */
const outCodec: Schema.Codec<any, any> = Schema.Any.pipe(
  Schema.decodeTo(
    Schema.Any,
    SchemaTransformation.transform({
      decode: ({ value }: PlainValue) => fromPlain(value),
      encode: (value: unknown): PlainValue => value === undefined ? {} : { value: toPlain(value) }
    })
  )
)

/** Adds this schema to an option `journal` without a schema. */
export const withOutCodec = (journal: unknown): unknown => {
  if (journal === true) return { success: outCodec }
  if (typeof journal !== "object" || journal === null) return journal
  return { ...journal, success: (journal as { readonly success?: unknown }).success ?? outCodec }
}
