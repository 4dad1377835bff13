/** Numbers, times and words as texts of the page. */

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })
const whole = new Intl.NumberFormat("en")

/** Formats a count with all its digits. */
export const count = (n: number): string => whole.format(n)

/** Formats a count with its noun: "1 input", "2,000 inputs". */
export const counted = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? "" : "s"}`

/** Formats a measured number with three digits. */
export const measured = (n: number): string => n >= 1000 ? whole.format(Math.round(n)) : number.format(n)

/** Formats a share from 0 to 1 in per cent. A share that is not nothing is not shown as 0 %. */
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

/** Formats a date for readers. A text that is not a date stays as it is. */
export const date = (iso: string): string => {
  const date = new Date(iso)
  return Number.isNaN(date.getTime())
    ? iso
    : date.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "medium" })
}

/** Names a kind for a reader: of an identifier with a path in it, as `app/tasks/TooShort`, the last part. */
export const nameOfKind = (kind: string): string => /^[\w.@-]+(?:\/[\w.@-]+)*\/(\w+)$/.exec(kind)?.[1] ?? kind

/** Returns the kind of a failure: the text before the first colon of its message, or all of the message. */
export const kindOf = (message: string): string => {
  const end = message.indexOf(": ")
  return end > 0 ? message.slice(0, end) : message
}
