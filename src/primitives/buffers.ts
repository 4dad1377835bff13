/**
 * Binary data in a value.
 */

/** Number of levels of plain objects, arrays and maps that are searched for binary data. */
const depth = 4

/** Returns the buffers in a value that can be moved, each of them once. */
export const buffersOf = (value: unknown): ReadonlyArray<ArrayBuffer> => {
  const found = new Set<ArrayBuffer>()
  collect(value, depth, found)
  return [...found]
}

const collect = (value: unknown, levels: number, found: Set<ArrayBuffer>): void => {
  if (typeof value !== "object" || value === null) return
  if (value instanceof ArrayBuffer) return void found.add(value)
  if (ArrayBuffer.isView(value)) return value.buffer instanceof ArrayBuffer ? void found.add(value.buffer) : undefined
  if (levels === 0) return
  // for a sparse array, these are only the elements that exist: its length may be billions
  const parts = value instanceof Map ? value.values() : Object.values(value)
  for (const part of parts) collect(part, levels - 1, found)
}
