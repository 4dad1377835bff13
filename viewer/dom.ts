/** Helpers for elements and texts. Text of a report becomes text nodes, never markup. */

type Child = Node | string

/** Makes an element with attributes and children. */
export const el = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** Makes a section of the page with a heading. */
export const section = (id: string, title: string, ...children: ReadonlyArray<Child>): HTMLElement =>
  el("section", { id }, el("h2", {}, title), ...children)

/** Reads a colour of the style sheet, for canvases. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })
const whole = new Intl.NumberFormat("en")

/** Formats a count with all its digits. */
export const count = (n: number): string => whole.format(n)

/** Formats a measured number with three digits. */
export const measured = (n: number): string => n >= 1000 ? whole.format(Math.round(n)) : number.format(n)

/** Formats milliseconds in a suitable unit. */
export const duration = (millis: number): string => {
  if (millis === 0) return "0"
  if (millis < 1) return `${number.format(millis * 1000)} µs`
  if (millis < 1000) return `${number.format(millis)} ms`
  if (millis < 60_000) return `${number.format(millis / 1000)} s`
  if (millis < 3_600_000) return `${number.format(millis / 60_000)} min`
  return `${number.format(millis / 3_600_000)} h`
}
