/**
 * Texts that are safe to print: nothing in them moves a cursor, changes a direction or hides.
 */

/**
 * Matches characters that are replaced: control characters, direction marks and other invisible characters, and halves
 * of surrogate pairs. Line breaks and tabs are left to the code that prints.
 */
const hidden =
  /[[\p{Cc}\p{Cs}\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]--[\n\t]]/gv

/**
 * Makes a text safe to print. Characters that could not be seen become escapes like `\x1b` or `\u202e`, and lines end
 * with `\n`. Tabs stay. Texts of one line go through `shortenMessage`, which also removes line breaks.
 */
export const printable = (text: string): string =>
  beyondAscii.test(text) ? text.replaceAll("\r\n", "\n").replace(hidden, escape) : text

/** Matches anything but a printable ASCII character. Most texts have none, so this check is quick. */
const beyondAscii = /[^ -~]/

/** Returns at most the first `length` characters of a text, without cutting a surrogate pair in two. */
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
