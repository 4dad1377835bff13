/**
 * The form of a value, which decides whether it may be part of a message beside other values.
 *
 * A message is one clone. So a value that cannot be written, or that the receiver cannot read, would fail all values of
 * its message. Therefore only plain values are part of a message: those of small depth, with few objects, and made only
 * of parts that every clone keeps. Each other value crosses out of band, and can fail only itself.
 *
 * Does not import Effect, so that a worker can boot with it.
 */
import { types } from "node:util"
import { shorten } from "../../primitives/shorten.ts"

/**
 * `plain`, or the reason for which a value is not part of a message: many objects (`large`), many levels (`deep`), or a
 * part that a clone may refuse (`odd`). The first reason found counts.
 */
export type Form = "plain" | "large" | "deep" | "odd"

/** Greatest number of levels of a plain value. With its default stack, Node.js reads about 1600 levels. */
const mostLevels = 64

/** Greatest number of objects of a plain value. Beside the cost of more objects, a separate message costs little. */
const mostObjects = 1000

/** Number of objects that the current search may still visit. */
let left = 0

/** Returns the form of a value. Reads its fields; never throws. */
export const formOf = (value: unknown, levels = mostLevels): Form => {
  if (isPrimitive(value)) return "plain"
  left = mostObjects
  try {
    return visit(value, levels)
  } catch {
    return "odd"
  }
}

/** True if a value is sent unchanged. */
export const isPrimitive = (value: unknown): boolean => {
  const type = typeof value
  return type === "object" ? value === null : type !== "function" && type !== "symbol"
}

const visit = (value: unknown, levels: number): Form => {
  if (typeof value !== "object") return isPrimitive(value) ? "plain" : "odd"
  if (value === null) return "plain"
  if (levels === 0) return "deep"
  if (--left < 0) return "large"
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return record(value, levels - 1)
  if (Array.isArray(value)) return array(value, levels - 1)
  if (types.isMap(value)) return map(value, levels - 1)
  if (types.isSet(value)) return set(value, levels - 1)
  if (types.isNativeError(value)) return visit(value.cause, levels - 1)
  if (isLeaf(value)) return "plain"
  return knownClasses.has(prototype as object) && hasFields(value) ? record(value, levels - 1) : "odd"
}

const record = (value: object, levels: number): Form => {
  for (const key in value) {
    const form = visit((value as Record<string, unknown>)[key], levels)
    if (form !== "plain") return form
  }
  return "plain"
}

const array = (values: ReadonlyArray<unknown>, levels: number): Form => {
  if (isSparse(values)) return "large"
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    // most elements are numbers or strings, and a call would cost more than this check
    if (typeof value === "number" || typeof value === "string") continue
    const form = visit(value, levels)
    if (form !== "plain") return form
  }
  return "plain"
}

const map = (values: ReadonlyMap<unknown, unknown>, levels: number): Form => {
  for (const [key, value] of entriesOf(values)) {
    const form = visit(key, levels)
    if (form !== "plain") return form
    const other = visit(value, levels)
    if (other !== "plain") return other
  }
  return "plain"
}

const set = (values: ReadonlySet<unknown>, levels: number): Form => {
  for (const value of valuesOf(values)) {
    const form = visit(value, levels)
    if (form !== "plain") return form
  }
  return "plain"
}

/** True for an object without parts that every clone keeps. */
const isLeaf = (value: object): boolean => {
  if (ArrayBuffer.isView(value)) return !isDetached(value.buffer)
  if (types.isAnyArrayBuffer(value)) return !isDetached(value)
  return types.isDate(value) || types.isRegExp(value) || (types.isBoxedPrimitive(value) && !types.isSymbolObject(value))
}

const isDetached = (buffer: ArrayBufferLike): boolean => (buffer as { readonly detached?: boolean }).detached === true

/** Number of elements from which an array may count as sparse, and number of elements that are sampled. */
const leastSparse = 1000
const samples = 32

/** True if most elements of a long array are missing. A loop over its length could take minutes. */
export const isSparse = (values: ReadonlyArray<unknown>): boolean => {
  const { length } = values
  if (length < leastSparse) return false
  let present = 0
  for (let k = 0; k < samples; k++) if (Math.floor(k * length / samples) in values) present++
  return present * 2 < samples
}

/** Returns the entries of a map, without calling an iterator that it may override. */
const entriesOf = (values: ReadonlyMap<unknown, unknown>): IterableIterator<[unknown, unknown]> =>
  Map.prototype.entries.call(values)

const valuesOf = (values: ReadonlySet<unknown>): IterableIterator<unknown> => Set.prototype.values.call(values)

const hasFields = (value: object): boolean => Object.keys(value).length > 0

/** Prototypes of classes whose instances arrive as plain objects with their fields. */
const knownClasses = new WeakSet<object>()

/** Number of levels that no clone can write. The search stops there, because a getter may make a value without end. */
const endlessLevels = 100_000

/**
 * Throws if a clone of a value would lose a part completely: an instance of a class without fields. With `everywhere`,
 * also throws for objects of Node.js that can be cloned only within a process, such as a `Blob`.
 */
export const refuseLost = (value: unknown, everywhere: boolean): void => {
  const seen = new Set<object>()
  const waiting: Array<unknown> = [value]
  const levels = [0]
  while (waiting.length > 0) {
    const part = waiting.pop()
    const level = levels.pop()!
    if (typeof part !== "object" || part === null || types.isProxy(part) || seen.has(part)) continue
    if (level > endlessLevels) throw new RangeError("it is nested too deeply")
    seen.add(part)
    if (isInstance(part)) learn(part, everywhere)
    for (const child of partsOf(part)) {
      if (typeof child !== "object") continue
      waiting.push(child)
      levels.push(level + 1)
    }
  }
}

/** True for an object of a class that structured clone does not know. */
const isInstance = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype !== Object.prototype && prototype !== null && !Array.isArray(value) && !types.isMap(value) &&
    !types.isSet(value) && !types.isNativeError(value) && !ArrayBuffer.isView(value) &&
    !types.isAnyArrayBuffer(value) &&
    !isLeaf(value)
}

/** Checks by a clone that the fields of an instance arrive. Throws if nothing does. */
const learn = (value: object, everywhere: boolean): void => {
  const prototype = Object.getPrototypeOf(value) as object
  if (knownClasses.has(prototype) && hasFields(value)) return
  const arrives: unknown = Object.getPrototypeOf(structuredClone(value))
  if (arrives !== Object.prototype) {
    if (everywhere) throw new TypeError(`an instance of ${nameOf(value)} cannot leave its process`)
  } else if (hasFields(value)) {
    knownClasses.add(prototype)
  } else {
    throw new TypeError(`an instance of ${nameOf(value)} has no fields, so it would arrive empty`)
  }
}

/** Returns the name of the class of an object, for messages. */
export const nameOf = (value: object): string => {
  const name: unknown = value.constructor?.name
  return typeof name === "string" && name !== "" ? name : "a class"
}

/** Returns the parts of an object that a clone visits. */
const partsOf = (value: object): Iterable<unknown> => {
  if (Array.isArray(value)) return isSparse(value) ? Object.values(value) : value
  if (types.isMap(value)) return [...entriesOf(value)].flat()
  if (types.isSet(value)) return valuesOf(value)
  if (types.isNativeError(value)) return [value.cause]
  return isLeaf(value) || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) ? [] : Object.values(value)
}

/** Greatest number of steps of a path, and of parts that a search for it looks at. */
const mostSteps = 16
const mostParts = 10_000

/**
 * Finds the part of a value that is at fault. Returns a path like `.jobs[3].callback`, which is empty for the value
 * itself. A long path is cut at the end.
 */
export const pathTo = (value: unknown, isAtFault: (part: unknown, steps: number) => boolean): string => {
  const seen = new Set<unknown>()
  let path = ""
  let part = value
  let looked = 0
  for (let steps = 0; steps < mostSteps; steps++) {
    seen.add(part)
    let next: readonly [step: string, part: unknown] | undefined
    try {
      for (const [step, child] of stepsFrom(part)) {
        if (isPrimitive(child)) continue
        if (++looked > mostParts) return `${path}…`
        if (seen.has(child) || !isAtFault(child, steps + 1)) continue
        next = [step, child]
        break
      }
    } catch (error) {
      return error instanceof Unreadable ? path + error.step : path
    }
    if (next === undefined) return path
    path += next[0]
    part = next[1]
  }
  return `${path}…`
}

/** Finds the path into the deeply nested part of a value. */
export const deepPath = (value: unknown): string =>
  pathTo(value, (part, steps) => formOf(part, mostLevels - steps) === "deep")

/** Thrown if a part cannot be read. `step` is its step of the path. */
class Unreadable {
  readonly step: string
  constructor(step: string) {
    this.step = step
  }
}

const stepsFrom = function*(value: unknown): Iterable<readonly [step: string, part: unknown]> {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return
  if (types.isMap(value)) {
    for (const [key, part] of entriesOf(value)) {
      yield [`.keys(${shownKey(key)})`, key]
      yield [`.get(${shownKey(key)})`, part]
    }
  } else if (types.isSet(value)) {
    for (const part of valuesOf(value)) yield [".values()", part]
  } else if (Array.isArray(value) && !isSparse(value)) {
    for (let index = 0; index < value.length; index++) yield [`[${index}]`, read(value, index, `[${index}]`)]
  } else {
    if (types.isNativeError(value)) yield [".cause", read(value, "cause", ".cause")]
    for (const key of Object.keys(value)) {
      const step = isIdentifier(key) ? `.${key}` : `[${JSON.stringify(key)}]`
      yield [step, read(value, key, step)]
    }
  }
}

const read = (value: object, key: string | number, step: string): unknown => {
  try {
    return (value as Record<string | number, unknown>)[key]
  } catch {
    throw new Unreadable(step)
  }
}

const isIdentifier = (key: string): boolean => /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)

const shownKey = (key: unknown): string => shorten(key, 20)
