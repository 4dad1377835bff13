/**
 * Thrown values on their way between workers. Knows nothing of Effect, so that a worker can boot with it.
 */
import { shorten } from "../../primitives/shorten.ts"
import type { Thrown, ThrownError } from "./messages.ts"

/** How deep a chain of causes is followed. */
const depth = 10

/** Makes of a value what is sent of it; throws where that cannot be. */
export type Clone = (value: unknown) => unknown

/** Why a value cannot be cloned, if it cannot. It costs a clone. */
export const cloneError = (value: unknown, clone: Clone): unknown => {
  if (value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol")) return
  try {
    clone(value)
    return undefined
  } catch (error) {
    return error ?? new Error("its getter threw nothing")
  }
}

/** Whether a value can be cloned. It costs a clone. */
export const isCloneable = (value: unknown, clone: Clone): boolean => cloneError(value, clone) === undefined

/** A thrown value as what can be sent of it. */
export const encodeThrown = (value: unknown, clone: Clone, levels = depth): Thrown => {
  if (value instanceof Error) return { _tag: "Error", error: encodeError(value, clone, levels) }
  return isCloneable(value, clone) ? { _tag: "Value", value } : { _tag: "Shown", text: shorten(value, 400) }
}

const encodeError = (error: Error, clone: Clone, levels: number): ThrownError => ({
  // whatever the types say, these may be anything
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
    if (!own.has(key) && isCloneable(value, clone)) fields[key] = value
  }
  return fields
}

const own = new Set(["name", "message", "stack", "cause"])

/** The thrown value that was sent. An error has the class of its name where that is one of the language's own. */
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

/** As the language does it: there, and not listed among the fields. */
const define = (error: Error, key: string, value: unknown): void => {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}

/**
 * Where in a value that which cannot be cloned is, as a path like `.jobs[3].callback`; the empty path is the value
 * itself. The search costs a clone at each step down.
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
