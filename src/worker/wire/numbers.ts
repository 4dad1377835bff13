/**
 * Numbers in a message. An array of numbers is written and read element by element, with a mark for each. A typed array
 * is copied whole, which costs a tenth.
 */

/** The values of a message. They may be a typed array if all are numbers. */
export type WireValues = ReadonlyArray<unknown> | Float64Array

/** Least number of values for which a typed array costs less. */
const leastValues = 16

/**
 * Converts values to the form in which they cross: a typed array if all are numbers and the first is not an integer.
 * Arrays of integers stay arrays: they cost little, and code that uses integers would get slower with numbers from a
 * typed array.
 */
export const packed = (values: ReadonlyArray<unknown>): WireValues => {
  if (values.length < leastValues || !isFraction(values[0])) return values
  for (const value of values) if (typeof value !== "number") return values
  return Float64Array.from(values as ReadonlyArray<number>)
}

const isFraction = (value: unknown): boolean => typeof value === "number" && !Number.isSafeInteger(value)

/** True if a value can be the values of a message. */
export const areValues = (value: unknown): value is WireValues => Array.isArray(value) || value instanceof Float64Array
