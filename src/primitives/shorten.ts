/**
 * Values as one short line, for messages and logs, which must never contain a whole input.
 */

/** Number of elements or keys of a value that are shown, and how many levels deep. */
const width = 6
const depth = 3

/**
 * Number of characters of a message that are considered: enough for two paths of the greatest length that systems
 * allow, and the text around them.
 */
const reach = 10_000

/**
 * Shows a value as one line of at most `limit` characters; an error as its name and message. Parts that will not be
 * shown are not visited, so a long text or array costs as much as a short one. Two exceptions cost in proportion to
 * their size: the names of the keys of an object (0.3 s for a million) and the digits of a bigint.
 */
export const shorten = (value: unknown, limit = 80): string => cut(show(value, depth, limit), limit)

/** Shows a message as one line: a string without quotes, anything else as `shorten` does. */
export const shortenMessage = (value: unknown, limit = 80): string =>
  typeof value === "string" ? cut(value.slice(0, reach), limit) : shorten(value, limit)

/**
 * Cuts a text to one line of at most `limit` characters. Paths lose folders from their middle before the line loses its
 * end: the two ends of a path say what is missing or broken.
 */
const cut = (text: string, limit: number): string => {
  let line = text.replace(/\s+/g, " ").trim()
  if (line.length > limit) line = line.replace(folders, "$1…/")
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`
}

/**
 * Matches the folders of an absolute path or file URL, from the second to the last but one. A name may contain spaces,
 * but no colons.
 */
const folders =
  /((?<![^\s'"`(:])(?:file:\/\/)?\/[^\s/:]+(?: [^\s/:]+)*\/)(?:[^\s/:]+(?: [^\s/:]+)*\/)+(?=[^\s/:]+(?: [^\s/:]+)*\/)/g

const show = (value: unknown, levels: number, limit: number): string => {
  try {
    if (typeof value === "string") return JSON.stringify(value.slice(0, limit))
    if (typeof value === "bigint") return `${value}n`
    if (typeof value === "function") return `[function ${value.name}]`
    if (typeof value !== "object" || value === null) return String(value)
    if (value instanceof Error) return showError(value)
    if (value instanceof Date) return value.toISOString()
    if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`
    if (value instanceof Map || value instanceof Set) return `${value.constructor.name}(${value.size})`
    if (levels === 0) return Array.isArray(value) ? "[…]" : "{…}"
    return Array.isArray(value) ? showArray(value, levels, limit) : showObject(value, levels, limit)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

const showError = (error: Error): string => {
  const message = error.message.slice(0, reach)
  return message === "" || message === error.name ? error.name : `${error.name}: ${message}`
}

const showArray = (values: ReadonlyArray<unknown>, levels: number, limit: number): string => {
  const shown = values.slice(0, width).map((value) => show(value, levels - 1, limit))
  return values.length > width ? `[${shown.join(", ")}, … ${values.length} in all]` : `[${shown.join(", ")}]`
}

const showObject = (value: object, levels: number, limit: number): string => {
  const shown: Array<string> = []
  const record = value as Record<string, unknown>
  for (const key in record) {
    if (!Object.hasOwn(record, key)) continue
    if (shown.length === width) {
      shown.push("…")
      break
    }
    shown.push(`${key}: ${show(record[key], levels - 1, limit)}`)
  }
  const name = value.constructor?.name
  const prefix = name === undefined || name === "Object" ? "" : `${name} `
  return shown.length === 0 ? `${prefix}{}` : `${prefix}{ ${shown.join(", ")} }`
}
