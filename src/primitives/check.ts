/**
 * Checks of options: a bad one is a defect that names the option, what was expected and what came.
 */
import * as Duration from "effect/Duration"
import { shorten } from "./shorten.ts"

/** The defect of a bad option. */
export const refuse = (name: string, expected: string, got: unknown): never => {
  throw new RangeError(`expected \`${name}\` to be ${expected}, got ${shorten(got)}`)
}

/** A string that says something. */
export const nonEmptyString = (name: string, value: unknown): string =>
  typeof value === "string" && value !== "" ? value : refuse(name, "a non-empty string", value)

/** A positive integer. */
export const positiveInteger = (name: string, value: unknown): number =>
  isPositiveInteger(value) ? value : refuse(name, "a positive integer", value)

/** A positive integer, or `Infinity` spelled as the given word. */
export const positiveIntegerOr = (name: string, value: unknown, word: string): number =>
  value === word
    ? Infinity
    : isPositiveInteger(value)
    ? value
    : refuse(name, `a positive integer or "${word}"`, value)

/** A duration that is more than nothing, finite or not. */
export const positiveDuration = (name: string, value: unknown): Duration.Duration => {
  const expected = "a positive duration"
  if (value === undefined || value === null) return refuse(name, expected, value)
  let duration: Duration.Duration
  try {
    duration = Duration.fromInputUnsafe(value)
  } catch {
    return refuse(name, expected, value)
  }
  return Duration.isGreaterThan(duration, Duration.zero) ? duration : refuse(name, expected, value)
}

/** An object whose keys all stand in `known`. */
export const knownKeys = (name: string, value: unknown, known: ReadonlyArray<string>): void => {
  if (typeof value !== "object" || value === null) return refuse(name, "an object", value)
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) refuse(name, `made of ${known.map((k) => `\`${k}\``).join(", ")}`, `\`${key}\``)
  }
}

const isPositiveInteger = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0
