/**
 * Values as JSON that means the same when it is read again. A value that JSON would change is rejected.
 */
import { isRedacted } from "effect/Redacted"
import type * as Schema from "effect/Schema"
import { shorten } from "../../primitives/shorten.ts"

/** A part of a value that JSON does not keep. `path` leads to it. */
export class Unkept extends Error {
  path = ""
}

/**
 * Returns the object to write for an object: the same one, or another. Throws `Unkept` for one that would be read as
 * something else.
 */
type ToPlain = (value: object) => object

/** Greatest number of levels of a value. A value that contains itself would have no end. */
const mostLevels = 500

/**
 * Writes a value as JSON. With `sorted`, equal values have equal texts, whatever the order of their keys. Throws
 * `Unkept` for anything that would be read as something else: undefined, NaN, a date, a map, an instance of a class.
 * `toPlain` may replace each object with another.
 */
export const write = (value: unknown, sorted = false, toPlain?: ToPlain): string => {
  try {
    return part(value, mostLevels, sorted, toPlain)
  } catch (error) {
    if (error instanceof Unkept) throw error
    throw new Unkept(`it cannot be read: ${shorten(error)}`)
  }
}

const part = (value: unknown, levels: number, sorted: boolean, toPlain: ToPlain | undefined): string => {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value)
    case "boolean":
      return value ? "true" : "false"
    case "number":
      if (!Number.isFinite(value)) throw new Unkept(`${value} has no JSON form`)
      return Object.is(value, -0) ? "-0" : String(value)
    case "object": {
      if (value === null) return "null"
      if (levels === 0) throw new Unkept("it is nested too deeply, or contains itself")
      const plain = toPlain === undefined ? value : toPlain(value)
      return Array.isArray(plain)
        ? array(plain, levels - 1, sorted, toPlain)
        : object(plain, levels - 1, sorted, toPlain)
    }
    default:
      throw new Unkept(`${value === undefined ? "undefined" : `a ${typeof value}`} has no JSON form`)
  }
}

const array = (
  values: ReadonlyArray<unknown>,
  levels: number,
  sorted: boolean,
  toPlain: ToPlain | undefined
): string => {
  if (Object.getPrototypeOf(values) !== Array.prototype) throw new Unkept(`${nameOf(values)} has no JSON form`)
  // `length` of an array is one of its own keys
  if (Reflect.ownKeys(values).length !== values.length + 1 || Object.keys(values).length !== values.length) {
    throw new Unkept("JSON does not keep holes or named properties of an array")
  }
  let text = "["
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += ","
    try {
      text += part(values[index], levels, sorted, toPlain)
    } catch (error) {
      throw inside(error, `[${index}]`)
    }
  }
  return `${text}]`
}

const object = (value: object, levels: number, sorted: boolean, toPlain: ToPlain | undefined): string => {
  if (isRedacted(value)) throw new Unkept("a Redacted is never recorded")
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new Unkept(`${nameOf(value)} has no JSON form`)
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === "function") {
    throw new Unkept("it has a toJSON method, which may change it")
  }
  const keys = Object.keys(value)
  if (Reflect.ownKeys(value).length !== keys.length) {
    throw new Unkept("JSON does not keep keys that are symbols or not enumerable")
  }
  if (sorted) keys.sort()
  let text = "{"
  for (const key of keys) {
    if (text.length > 1) text += ","
    try {
      const field = (value as Record<string, unknown>)[key]
      text += `${JSON.stringify(key)}:${part(field, levels, sorted, toPlain)}`
    } catch (error) {
      throw inside(error, /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)
    }
  }
  return `${text}}`
}

/** Adds a step to the path of an error. */
const inside = (error: unknown, step: string): Unkept => {
  const unkept = error instanceof Unkept ? error : new Unkept(`it cannot be read: ${shorten(error)}`)
  unkept.path = `${step}${unkept.path}`
  return unkept
}

const nameOf = (value: object): string => {
  const { constructor } = value as { readonly constructor?: unknown }
  return typeof constructor === "function" && constructor.name !== "" ? `a ${constructor.name}` : shorten(value)
}

/** Issue of a schema that may hold a secret. */
export const secretIssue = "its schema contains a Redacted, which is never recorded"

const known = new WeakMap<object, boolean>()

/** Returns true if values of a schema may hold a secret, which its encoded form would show. */
export const mayHideSecret = (schema: Schema.Codec<any, any> | undefined): boolean => {
  if (schema === undefined) return false
  let found = known.get(schema)
  if (found === undefined) known.set(schema, found = holdsRedacted(schema.ast, new Set()))
  return found
}

/** Returns true if a part of the tree of a schema is `Schema.Redacted`. */
const holdsRedacted = (node: unknown, seen: Set<object>): boolean => {
  if (typeof node !== "object" || node === null || seen.has(node)) return false
  seen.add(node)
  const { _tag, annotations, thunk } = node as {
    readonly _tag?: unknown
    readonly annotations?: { readonly representation?: { readonly id?: unknown } }
    readonly thunk?: unknown
  }
  if (annotations?.representation?.id === "effect/schema/Redacted") return true
  if (_tag === "Suspend" && typeof thunk === "function" && holdsRedacted((thunk as () => unknown)(), seen)) return true
  return Object.values(node).some((part) => holdsRedacted(part, seen))
}
