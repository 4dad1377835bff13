/**
 * Checks of options. A bad option is a defect that names the option, what was expected and what was given: a
 * `TypeError` for a value of the wrong type, a `RangeError` for a value of the right type that is out of range.
 */
import * as Duration from "effect/Duration"
import { shorten, shortenMessage, shortenName } from "./shorten.ts"

const message = (name: string, expected: string, got: unknown): string =>
  `expected \`${shortenName(name)}\` to be ${expected}, got ${shorten(got)}`

/** Throws the defect of an option of the wrong type, with a hint if there is one thing to do. */
export const wrongType = (name: string, expected: string, got: unknown, hint = ""): never => {
  throw new TypeError(`${message(name, expected, got)}${hint}`)
}

/** Throws the defect of an option of the right type whose value is not allowed. */
export const outOfRange = (name: string, expected: string, got: unknown): never => {
  throw new RangeError(message(name, expected, got))
}

/** Checks for a string of at least one character, and returns it. */
export const nonEmptyString = (name: string, value: unknown): string =>
  typeof value === "string" && value !== ""
    ? value
    : refuse(typeof value === "string", name, "a non-empty string", value)

/** Checks for a number that `allowed` accepts, and returns it. */
export const numberWhere = (
  name: string,
  value: unknown,
  expected: string,
  allowed: (value: number) => boolean
): number =>
  typeof value === "number" && allowed(value) ? value : refuse(typeof value === "number", name, expected, value)

/** Checks for one of a list of words. */
export const oneOf = (name: string, value: unknown, words: ReadonlyArray<string>, expected: string): void => {
  if (!words.includes(value as string)) refuse(typeof value === "string", name, expected, value)
}

/** Checks for a positive integer, and returns it. */
export const positiveInteger = (name: string, value: unknown): number =>
  numberWhere(name, value, "a positive integer", isPositiveInteger)

/** Checks for a positive integer or `word`, and returns the number. `word` means `Infinity`. */
export const positiveIntegerOr = (name: string, value: unknown, word: string): number =>
  value === word ? Infinity : numberWhere(name, value, `a positive integer or "${word}"`, isPositiveInteger)

/** Checks for a function or undefined. */
export const optionalFunction = (name: string, value: unknown): void => {
  if (value !== undefined && typeof value !== "function") wrongType(name, "a function", value)
}

/** Checks for a duration, zero included, and returns it. */
export const duration = (name: string, value: unknown): Duration.Duration => {
  const found = durationOf(name, "a duration", value)
  return Duration.isLessThan(found, Duration.zero) ? outOfRange(name, "a duration", value) : found
}

/** Checks for a duration above zero, finite or infinite, and returns it. */
export const positiveDuration = (name: string, value: unknown): Duration.Duration => {
  const found = durationOf(name, "a positive duration", value)
  return Duration.isGreaterThan(found, Duration.zero) ? found : outOfRange(name, "a positive duration", value)
}

const durationOf = (name: string, what: string, value: unknown): Duration.Duration => {
  const expected = typeof value === "string" ? `${what} such as "5 seconds"` : what
  if (value === undefined || value === null) return wrongType(name, expected, value)
  try {
    return Duration.fromInputUnsafe(value)
  } catch {
    return refuse(typeof value === "string" || typeof value === "number", name, expected, value)
  }
}

/** Checks for an array of strings or undefined. */
export const optionalStrings = (name: string, value: unknown): void => {
  if (value === undefined) return
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    wrongType(name, "an array of strings", value)
  }
}

/** Checks for an object whose values `allowed` accepts, or undefined. */
export const optionalRecord = (
  name: string,
  value: unknown,
  expected: string,
  allowed: (value: unknown) => boolean
): void => {
  if (value === undefined) return
  if (typeof value !== "object" || value === null || Symbol.iterator in value) {
    return wrongType(name, "an object", value)
  }
  for (const [key, each] of Object.entries(value)) {
    if (!allowed(each)) wrongType(`${name}.${key}`, expected, each)
  }
}

/** Checks for an object with no keys other than the known ones. */
export const knownKeys = (name: string, value: unknown, known: ReadonlyArray<string>): void => {
  if (typeof value !== "object" || value === null) return wrongType(name, "an object", value)
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    throw new TypeError(
      `expected \`${shortenName(name)}\` to have only ${known.map(quoted).join(", ")}, got ${
        quoted(shortenMessage(key))
      }` +
        (near === undefined ? "" : `: did you mean ${quoted(near)}?`)
    )
  }
}

/**
 * Checks for `true`, or an object with no keys other than the known ones. Returns the object, which is empty for
 * `true`.
 */
export const trueOrObject = (name: string, value: unknown, known: ReadonlyArray<string>): object => {
  if (value === true) return {}
  if (typeof value !== "object" || value === null) return wrongType(name, "true or an object", value)
  knownKeys(name, value, known)
  return value
}

const refuse = (isRightType: boolean, name: string, expected: string, got: unknown): never =>
  isRightType ? outOfRange(name, expected, got) : wrongType(name, expected, got)

const quoted = (name: string): string => `\`${name}\``

/**
 * Returns the name that a key was probably meant to be: the nearest one that differs in at most two fifths of its
 * letters.
 */
const nearest = (key: string, names: ReadonlyArray<string>): string | undefined => {
  const most = Math.floor(0.4 * key.length)
  // names whose lengths differ by more also differ in more letters
  const [best] = names
    .filter((name) => Math.abs(name.length - key.length) <= most)
    .map((name) => ({ name, edits: editsOf(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ edits }) => edits <= most)
    .toSorted((a, b) => a.edits - b.edits)
  return best?.name
}

/** Counts the letters that have to be added, removed or replaced to turn one text into another (Levenshtein). */
const editsOf = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < to.length; j++) {
      next.push(Math.min(row[j]! + Number(from[i] !== to[j]), row[j + 1]! + 1, next[j]! + 1))
    }
    row = next
  }
  return row.at(-1)!
}

const isPositiveInteger = (value: number): boolean => Number.isSafeInteger(value) && value > 0
