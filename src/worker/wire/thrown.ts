/**
 * Thrown values in the form in which they cross between workers. Does not import Effect, so that a worker can boot with
 * it.
 */
import { shorten } from "../../primitives/shorten.ts"
import type { Thrown, ThrownError } from "./messages.ts"

/** Number of causes of causes that are sent. */
const depth = 10

/** Function that converts a value to what is sent; it throws if that is impossible. */
export type Clone = (value: unknown) => unknown

/** Returns the error of cloning a value; undefined if it can be cloned. Costs a clone. */
export const cloneError = (value: unknown, clone: Clone): unknown => {
  if (value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol")) return
  try {
    clone(value)
    return undefined
  } catch (error) {
    return error ?? new Error("its getter threw nothing")
  }
}

/** True if a value can be cloned. Costs a clone. */
export const isCloneable = (value: unknown, clone: Clone): boolean => cloneError(value, clone) === undefined

/** Encodes a thrown value in a form that can be sent. */
export const encodeThrown = (value: unknown, clone: Clone, levels = depth): Thrown => {
  if (value instanceof Error) return { _tag: "Error", error: encodeError(value, clone, levels) }
  return isCloneable(value, clone) ? { _tag: "Value", value } : { _tag: "Shown", text: shorten(value, 400) }
}

const encodeError = (error: Error, clone: Clone, levels: number): ThrownError => ({
  // at run time these may be of any type
  // oxlint-disable-next-line typescript/no-unnecessary-type-conversion
  name: String(error.name),
  // oxlint-disable-next-line typescript/no-unnecessary-type-conversion
  message: String(error.message),
  stack: typeof error.stack === "string" ? error.stack : undefined,
  cause: error.cause === undefined || levels === 0 ? undefined : encodeThrown(error.cause, clone, levels - 1),
  fields: fieldsOf(error, clone)
})

const fieldsOf = (error: Error, clone: Clone): Record<string, unknown> => {
  const fields: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(error)) {
    if (!standardFields.has(key) && isCloneable(value, clone)) fields[key] = value
  }
  return fields
}

const standardFields = new Set(["name", "message", "stack", "cause"])

/** Decodes a thrown value. An error gets the class of its name if that is one of the standard ones. */
export const decodeThrown = (wire: Thrown): unknown => {
  switch (wire._tag) {
    case "Value":
      return wire.value
    case "Shown":
      return wire.text
    case "Error":
      return decodeError(wire.error)
  }
}

const classes: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError
}

const decodeError = ({ cause, fields, message, name, stack }: ThrownError): Error => {
  const options = cause === undefined ? undefined : { cause: decodeThrown(cause) }
  const error = new (Object.hasOwn(classes, name) ? classes[name]! : Error)(message, options)
  Object.assign(error, fields)
  define(error, "name", name)
  define(error, "stack", stack)
  return error
}

/** Defines a property of an error as the language does: not enumerable. */
const define = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}

/**
 * Finds the part of a value that cannot be cloned; returns a path like `.jobs[3].callback`, empty for the value itself.
 * Costs a clone at each step down.
 */
export const uncloneablePath = (value: unknown, clone: Clone): string => {
  const seen = new Set<unknown>()
  const search = (value: unknown): string | undefined => {
    if (isCloneable(value, clone) || seen.has(value)) return undefined
    seen.add(value)
    if (typeof value !== "object" || value === null) return ""
    for (const [step, child] of childrenOf(value)) {
      const path = search(child)
      if (path !== undefined) return step + path
    }
    return ""
  }
  return search(value) ?? ""
}

const childrenOf = function*(value: object): Iterable<readonly [step: string, child: unknown]> {
  if (Array.isArray(value)) {
    for (const [index, child] of value.entries()) yield [`[${index}]`, child]
  } else if (value instanceof Map) {
    for (const [key, child] of value) {
      yield [`.keys(${shorten(key, 20)})`, key]
      yield [`.get(${shorten(key, 20)})`, child]
    }
  } else if (value instanceof Set) {
    for (const child of value) yield [".values()", child]
  } else {
    for (const [key, child] of Object.entries(value)) {
      yield [/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`, child]
    }
  }
}
