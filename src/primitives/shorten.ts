/**
 * Values as one short line, for messages and logs that must never carry a whole input.
 */

/** How many elements or keys of a value are shown, and how deep. */
const width = 6
const depth = 3

/** How much of a message is looked at, in characters: two paths, as long as systems allow them, and what is around. */
const reach = 10_000

/**
 * A value as one line of at most `limit` characters; an error as its name and message. What will not be shown is not
 * visited, so a long text or array costs what a short one does. Two things cannot be had in part and cost what they are
 * long: the names of an object's keys (0.3 s for a million) and the digits of a bigint.
 */
export const shorten = (value: unknown, limit = 80): string => cut(show(value, depth, limit), limit)

/** What went wrong as one line: a text as it is, without quotes, and anything else as `shorten` shows it. */
export const shortenMessage = (value: unknown, limit = 80): string =>
  typeof value === "string" ? cut(value.slice(0, reach), limit) : shorten(value, limit)

/** Paths lose folders in their middle before the line loses its end: their ends say what is missing or broken. */
const cut = (text: string, limit: number): string => {
  let line = text.replace(/\s+/g, " ").trim()
  if (line.length > limit) line = line.replace(folders, "$1…/")
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`
}

/**
 * The folders of an absolute path or file URL, from the second to the last but one. A name may have spaces inside, and no
 * quotes.
 */
const folders =
  /((?<![^\s'"`(:])(?:file:\/\/)?\/[^\s/'"`]+(?: [^\s/'"`]+)*\/)(?:[^\s/'"`]+(?: [^\s/'"`]+)*\/)+(?=[^\s/'"`]+(?: [^\s/'"`]+)*\/)/g

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
