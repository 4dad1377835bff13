/**
 * Values as one short line, for messages and logs, which must never contain a whole input.
 *
 * Showing a value never throws, whatever the value is. If reading it throws, it is shown as far as it can be read.
 */
import { prefix, printable } from "./printable.ts"

/** Greatest number of elements or keys of a value that are shown, and greatest number of levels. */
const width = 6
const depth = 3

/**
 * Number of characters of a message that are read: enough for two paths of the greatest length that systems allow, and
 * the text around them.
 */
const reach = 10_000

/**
 * Shows a value as one line of at most `limit` characters. An error is shown by its name and message. Parts that will
 * not be shown are not visited, so a long text or array costs as much as a short one. There is one exception: the names
 * of the keys of an object cost in proportion to their number (0.3 s for a million). The value of a `Redacted` is not
 * shown.
 */
export const shorten = (value: unknown, limit = 80): string => cut(show(value, depth, limit), limit)

/** Shows a message as one line: a string without quotes, anything else as `shorten` does. */
export const shortenMessage = (value: unknown, limit = 80): string =>
  typeof value === "string" ? cut(prefix(value, reach), limit) : shorten(value, limit)

/** Shows a name on one line, whole unless it is very long. */
export const shortenName = (name: string): string => shortenMessage(name, 400)

/** A function that shows an input, of whatever type the inputs are. */
export type ShowInput = (input: any) => string

/**
 * Shows an input as one line, with `show` if it is given. If that throws, or returns no string, the input is not shown.
 */
export const shortenInput = (input: unknown, show: ((input: never) => string) | undefined, limit = 80): string => {
  if (show === undefined) return shorten(input, limit)
  try {
    const text: unknown = show(input as never)
    if (typeof text === "string") return shortenMessage(text, limit)
    // an unhandled rejection of that promise would end the program
    if (text instanceof Promise) text.catch(() => {})
  } catch {}
  return "<not shown>"
}

/** Matches white space, apart from what `printable` makes visible. */
const space = /[ \t\n\v\f\r\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+/g

/**
 * Cuts a text to one line of at most `limit` characters. Paths lose folders from their middle before the line loses its
 * end, since the two ends of a path say what is missing or broken.
 */
const cut = (text: string, limit: number): string => {
  let line = printable(text.replace(space, " ").trim())
  if (line.length > limit) line = line.replace(folders, "$1…/")
  return line.length <= limit ? line : `${prefix(line, limit - 1)}…`
}

/**
 * Matches the folders of an absolute path or file URL, from the second to the last but one. A name may contain spaces,
 * but no colons.
 */
const folders =
  /((?<![^\s'"`(:])(?:file:\/\/)?\/[^\s/:]+(?: [^\s/:]+)*\/)(?:[^\s/:]+(?: [^\s/:]+)*\/)+(?=[^\s/:]+(?: [^\s/:]+)*\/)/g

const show = (value: unknown, levels: number, limit: number): string => {
  try {
    if (typeof value === "string") return JSON.stringify(prefix(value, limit))
    if (typeof value === "bigint") return showBigint(value)
    if (typeof value === "symbol") return showSymbol(value, limit)
    if (typeof value === "function") return `[function ${nameOf(value, limit) ?? ""}]`
    if (typeof value !== "object" || value === null) return String(value)
    if (RedactedTypeId in value) return showRedacted(value, limit)
    if (value instanceof Error) return showError(value, levels, limit)
    if (value instanceof Date) return showDate(value)
    if (ArrayBuffer.isView(value)) return `${classOf(value, limit)}(${value.byteLength} bytes)`
    if (value instanceof Map || value instanceof Set) return `${classOf(value, limit)}(${value.size})`
    if (levels === 0) return Array.isArray(value) ? "[…]" : "{…}"
    return Array.isArray(value) ? showArray(value, levels, limit) : showObject(value, levels, limit)
  } catch {
    return showTag(value, limit)
  }
}

/** Property that marks a `Redacted`. It is repeated here because a worker boots without Effect. */
const RedactedTypeId = "~effect/Redacted"

const showRedacted = (value: object, limit: number): string => {
  const label = read(value, "label")
  return typeof label === "string" ? `<redacted:${prefix(label, limit)}>` : "<redacted>"
}

/** Digits beyond which a number is not written out, since that would take long. */
const mostDigits = 100
const largest = 10n ** BigInt(mostDigits)

const showBigint = (value: bigint): string =>
  value < largest && value > -largest ? `${value}n` : `[bigint of over ${mostDigits} digits]`

const showSymbol = (value: symbol, limit: number): string =>
  value === unreadable ? "[unreadable]" : `Symbol(${prefix(value.description ?? "", limit)})`

/** Shows an error by its name and message. If the message is not a text, it is shown as a value. */
const showError = (error: Error, levels: number, limit: number): string => {
  const name = nameOf(error, reach) ?? "Error"
  const message = read(error, "message")
  if (message === undefined || message === "" || message === name) return name
  const shown = typeof message === "string" ? prefix(message, reach) : levels === 0 ? "…" : show(message, 0, limit)
  return `${name}: ${shown}`
}

const showDate = (value: Date): string => {
  const time = Date.prototype.getTime.call(value)
  return Number.isNaN(time) ? "Invalid Date" : new Date(time).toISOString()
}

const showArray = (values: ReadonlyArray<unknown>, levels: number, limit: number): string => {
  const { length } = values
  const shown: Array<string> = []
  for (let i = 0; i < length && i < width; i++) shown.push(show(read(values, i), levels - 1, limit))
  return length > width ? `[${shown.join(", ")}, … ${length} in all]` : `[${shown.join(", ")}]`
}

const showObject = (value: object, levels: number, limit: number): string => {
  const shown: Array<string> = []
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue
    if (shown.length === width) {
      shown.push("…")
      break
    }
    shown.push(`${prefix(key, limit)}: ${show(read(value, key), levels - 1, limit)}`)
  }
  const name = classOf(value, limit)
  const before = name === "Object" ? "" : `${name} `
  return shown.length === 0 ? `${before}{}` : `${before}{ ${shown.join(", ")} }`
}

/** Shows the kind of a value that cannot be read, as the value itself states it. */
const showTag = (value: unknown, limit: number): string => {
  try {
    return prefix(Object.prototype.toString.call(value), limit)
  } catch {
    return showSymbol(unreadable, limit)
  }
}

/** Stands for a part that throws when it is read. */
const unreadable = Symbol("unreadable")

/** Reads a property. If that throws, returns `unreadable`, which is not a text. */
export const read = (value: unknown, key: PropertyKey): unknown => {
  try {
    return (value as Record<PropertyKey, unknown>)[key]
  } catch {
    return unreadable
  }
}

/** Returns the name of an error, a class or a function, if it is a text. */
const nameOf = (value: unknown, limit: number): string | undefined => {
  const name = read(value, "name")
  return typeof name === "string" ? prefix(name, limit) : undefined
}

const classOf = (value: object, limit: number): string => nameOf(read(value, "constructor"), limit) || "Object"
