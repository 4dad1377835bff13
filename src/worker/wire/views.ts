/**
 * Copies views of binary data to other memory. Does not import Effect, so that a worker can boot with it.
 */

type View = ArrayBufferView & { readonly length: number; readonly BYTES_PER_ELEMENT: number }
type ViewClass = new(buffer: ArrayBufferLike, offset: number, length: number) => View

/** Makes the same view of another buffer. A `Buffer` becomes a `Uint8Array`, as in a structured clone. */
export const over = (view: ArrayBufferView, buffer: ArrayBufferLike, offset: number): ArrayBufferView => {
  if (view instanceof DataView) return new DataView(buffer, offset, view.byteLength)
  const { length } = view as View
  return new (classOf(view))(buffer, offset, length)
}

const classOf = (view: ArrayBufferView): ViewClass =>
  (view instanceof Uint8Array ? Uint8Array : view.constructor) as unknown as ViewClass

/** Number of bytes from which a view is copied and the copy moved. A structured clone would copy it twice. */
const leastBytes = 1024 * 1024

/** True for a view of a standard class or a `Buffer`. Instances of other classes cannot be made safely. */
const isKnown = (view: ArrayBufferView): boolean =>
  view instanceof Uint8Array || Object.getPrototypeOf(view) === DataView.prototype ||
  Object.getPrototypeOf(Object.getPrototypeOf(view)) === Object.getPrototypeOf(Uint8Array.prototype)

/** Copies a large view, so that the copy can be moved and its owner keeps the view. `undefined` for any other value. */
export const copyOfLarge = (value: unknown): ArrayBufferView | undefined => {
  if (!ArrayBuffer.isView(value) || value.byteLength < leastBytes || !isKnown(value)) return undefined
  const { buffer, byteLength, byteOffset } = value
  return buffer instanceof SharedArrayBuffer
    ? undefined
    : over(value, buffer.slice(byteOffset, byteOffset + byteLength), 0)
}
