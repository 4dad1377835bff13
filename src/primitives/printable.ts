/**
 * Texts as they may be printed: nothing in them moves a cursor, changes a direction or hides.
 */

/**
 * Matches characters that are not printed as they are: control characters, direction marks and other invisible
 * characters, and halves of surrogate pairs. Line breaks and tabs are left to those who print.
 */
const hidden =
  /[[\p{Cc}\p{Cs}\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]--[\n\t]]/gv

/**
 * Makes a text safe to print: what could not be seen is an escape like `\x1b` or `\u202e`, and a line ends with `\n`.
 * Tabs stay. Texts of one line go through `shortenMessage`, which also removes line breaks.
 */
export const printable = (text: string): string =>
  beyondAscii.test(text) ? text.replaceAll("\r\n", "\n").replace(hidden, escape) : text

/** Matches what is no printable character of ASCII: most texts have none, which this finds out quickly. */
const beyondAscii = /[^ -~]/

/** Returns at most the first `length` characters of a text; does not cut a surrogate pair in two. */
export const prefix = (text: string, length: number): string => {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length)
}

const escape = (character: string): string => {
  const code = character.codePointAt(0)!
  const hex = code.toString(16)
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : code < 0x1_0000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`
}
