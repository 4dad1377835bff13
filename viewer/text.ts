/** Numbers, times and names as texts of the page. */

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })
const whole = new Intl.NumberFormat("en")

/** Formats a count with all its digits. */
export const count = (n: number): string => whole.format(n)

/** Formats a count with its noun: "1 input", "2,000 inputs". */
export const counted = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? "" : "s"}`

/** Formats a measured number with three digits. */
export const measured = (n: number): string => n >= 1000 ? whole.format(Math.round(n)) : number.format(n)

/** Formats a share from 0 to 1 as a percentage. A share above zero is never shown as 0 %. */
export const percent = (share: number): string => {
  if (share > 0 && share < 0.01) return "< 1 %"
  return `${whole.format(Math.round(100 * share))} %`
}

/** Formats milliseconds in a suitable unit. */
export const duration = (millis: number): string => {
  if (millis === 0) return "0"
  if (millis < 1) return `${number.format(millis * 1000)} µs`
  if (millis < 1000) return `${number.format(millis)} ms`
  if (millis < 60_000) return `${number.format(millis / 1000)} s`
  if (millis < 3_600_000) return `${number.format(millis / 60_000)} min`
  return `${number.format(millis / 3_600_000)} h`
}

/** Formats a date for readers. Returns a text that is not a date unchanged. */
export const date = (iso: string): string => {
  const date = new Date(iso)
  return Number.isNaN(date.getTime())
    ? iso
    : date.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "medium" })
}

/**
 * Returns the short name of a kind. For an identifier that contains a path, such as `app/tasks/TooShort`, that is the
 * last part.
 */
export const nameOfKind = (kind: string): string => /^[\w.@-]+(?:\/[\w.@-]+)*\/(\w+)$/.exec(kind)?.[1] ?? kind

/** Returns the kind of a failure: the text before the first colon of its message, or the whole message. */
export const kindOf = (message: string): string => {
  const end = message.indexOf(": ")
  return end > 0 ? message.slice(0, end) : message
}
