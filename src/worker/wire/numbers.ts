/**
 * Numbers of a message. An array of numbers is written and read element by element, with a mark for each; a typed array is
 * copied whole, which costs a tenth.
 */

/** Values of a message: a typed array where all of them are numbers. */
export type WireValues = ReadonlyArray<unknown> | Float64Array

/** Least number of values for which a typed array costs less. */
const leastValues = 16

/**
 * Makes values what they cross as. Integers stay as they are: their arrays cost little, and code that has integers would
 * get slower with what comes out of a typed array.
 */
export const packed = (values: ReadonlyArray<unknown>): WireValues => {
  if (values.length < leastValues || !isFraction(values[0])) return values
  for (const value of values) if (typeof value !== "number") return values
  return Float64Array.from(values as ReadonlyArray<number>)
}

const isFraction = (value: unknown): boolean => typeof value === "number" && !Number.isSafeInteger(value)

/** True if a value has the form of the values of a message. */
export const areValues = (value: unknown): value is WireValues => Array.isArray(value) || value instanceof Float64Array
