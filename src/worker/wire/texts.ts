/**
 * The crossing as JSON. Out-of-band values are separate texts in their message.
 *
 * Refuses values that JSON would change, so that nothing arrives as something else: `NaN` and infinite numbers, dates,
 * maps, and instances with a `toJSON` method. There are two exceptions: a field that is `undefined` is left out, and -0
 * becomes 0.
 */
import { types } from "node:util"
import type { Channel, Crossing, Reader } from "./crossing.ts"
import { isSparse, nameOf } from "./form.ts"
import type { Fields } from "./replies.ts"

/** Copies a value as JSON would. Throws if JSON would change it, or if it contains itself. */
const copy = (value: unknown): unknown => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      if (Number.isFinite(value)) return value === 0 ? 0 : value
      throw new TypeError(`${value} has no JSON form`)
    case "object":
      return value === null ? null : Array.isArray(value) ? copyArray(value) : copyObject(value)
    default:
      throw new TypeError(`${value === undefined ? "undefined" : `a ${typeof value}`} has no JSON form`)
  }
}

const copyArray = (values: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  if (isSparse(values)) throw new TypeError("an array with holes has no JSON form")
  const copied: Array<unknown> = []
  for (let index = 0; index < values.length; index++) copied.push(copy(values[index]))
  return copied
}

const copyObject = (value: object): Fields => {
  if (types.isProxy(value)) throw new TypeError("it is a proxy")
  if (isOther(value)) throw new TypeError(`${nameOf(value)} has no JSON form`)
  const copied: Record<string, unknown> = {}
  const keys = Object.keys(value)
  for (const key of keys) {
    const part = (value as Fields)[key]
    if (part === undefined) continue
    if (key === "__proto__") Object.defineProperty(copied, key, { value: copy(part), enumerable: true })
    else copied[key] = copy(part)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (keys.length === 0 && prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`an instance of ${nameOf(value)} has no fields, so it would arrive empty`)
  }
  return copied
}

/** True for an object that JSON would change or lose. */
const isOther = (value: object): boolean =>
  types.isDate(value) || types.isMap(value) || types.isSet(value) || types.isRegExp(value) ||
  types.isNativeError(value) || types.isBoxedPrimitive(value) || types.isPromise(value) || types.isWeakMap(value) ||
  types.isWeakSet(value) || types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value) ||
  typeof (value as { readonly toJSON?: unknown }).toJSON === "function"

const clone = (value: unknown): unknown => {
  if (value === undefined) return value
  try {
    return copy(value)
  } catch (error) {
    throw error instanceof RangeError ? new TypeError("it is nested too deeply, or contains itself") : error
  }
}

const open = (): Channel => {
  const sealed: Array<string | null> = []
  return {
    // JSON has no text for undefined
    write: (value) => void sealed.push(JSON.stringify(clone(value)) ?? null),
    sealed,
    transfer: [],
    close: () => {}
  }
}

const read = (sealed: unknown): Reader => {
  const values = (sealed as ReadonlyArray<string | null>).values()
  return {
    next: () => {
      const text = values.next().value
      return typeof text === "string" ? JSON.parse(text) as unknown : undefined
    },
    close: () => {}
  }
}

export const texts: Crossing = { moves: false, clone, open, read }
