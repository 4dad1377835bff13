/**
 * Values as JSON that means the same when it is read again: what JSON would make something else of is refused.
 */
import { isRedacted } from "effect/Redacted"
import type * as Schema from "effect/Schema"
import { shorten } from "../../primitives/shorten.ts"

/** A part of a value that JSON does not keep; `path` leads there. */
export class Unkept extends Error {
  path = ""
}

/** Gives an object itself, or what is written for it. Throws `Unkept` for one that would be read as something else. */
type ToPlain = (value: object) => object

/** Greatest number of levels of a value: what contains itself has no end. */
const mostLevels = 500

/**
 * Writes a value as JSON; with `sorted`, equal values have equal texts whatever the order of their keys. Throws `Unkept` for
 * anything that would be read as something else: what is undefined, no number, a date, a map, an instance of a class. `toPlain`
 * may put another object in the place of each one.
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
      if (!Number.isFinite(value)) throw new Unkept(`${value} is no number in JSON`)
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
      throw new Unkept(`JSON has no word for ${value === undefined ? "undefined" : `a ${typeof value}`}`)
  }
}

const array = (
  values: ReadonlyArray<unknown>,
  levels: number,
  sorted: boolean,
  toPlain: ToPlain | undefined
): string => {
  if (Object.getPrototypeOf(values) !== Array.prototype) throw new Unkept(`JSON has no word for ${nameOf(values)}`)
  // the length of an array is a key of its own
  if (Reflect.ownKeys(values).length !== values.length + 1 || Object.keys(values).length !== values.length) {
    throw new Unkept("JSON keeps neither holes of an array nor its names")
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
  if (isRedacted(value)) throw new Unkept("a Redacted is not written down")
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new Unkept(`JSON has no word for ${nameOf(value)}`)
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === "function") {
    throw new Unkept("it says itself what it is as JSON")
  }
  const keys = Object.keys(value)
  if (Reflect.ownKeys(value).length !== keys.length) {
    throw new Unkept("JSON has no word for a key that is a symbol, or not enumerable")
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

/** Adds where an error came from. */
const inside = (error: unknown, step: string): Unkept => {
  const unkept = error instanceof Unkept ? error : new Unkept(`it cannot be read: ${shorten(error)}`)
  unkept.path = `${step}${unkept.path}`
  return unkept
}

const nameOf = (value: object): string => {
  const { constructor } = value as { readonly constructor?: unknown }
  return typeof constructor === "function" && constructor.name !== "" ? `a ${constructor.name}` : shorten(value)
}

/** Why values of a schema are refused that may hold a secret. */
export const secretIssue = "its schema has a Redacted, which is not written down"

const known = new WeakMap<object, boolean>()

/** True if values of a schema may hold a secret, which its encoded form would show. */
export const mayHideSecret = (schema: Schema.Codec<any, any> | undefined): boolean => {
  if (schema === undefined) return false
  let found = known.get(schema)
  if (found === undefined) known.set(schema, found = holdsRedacted(schema.ast, new Set()))
  return found
}

/** True if a part of the tree of a schema is that of `Schema.Redacted`. */
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
