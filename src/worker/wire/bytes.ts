/**
 * The crossing to a process: values become bytes that V8 writes. Out-of-band values are separate byte arrays in their
 * message.
 */
import { DefaultDeserializer, DefaultSerializer } from "node:v8"
import type { Channel, Crossing, Reader } from "./crossing.ts"
import { nameOf, refuseLost } from "./form.ts"

type ViewConstructor = new(buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView

/** Classes of views. The index of a class is the number that is written for it. */
const viewClasses: ReadonlyArray<ViewConstructor> = [
  Buffer,
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  // a class of Node.js 24
  ...("Float16Array" in globalThis ? [(globalThis as { readonly Float16Array?: ViewConstructor }).Float16Array!] : [])
]

/** Writes only the bytes of a view. V8 would write the whole buffer behind it. */
class Serializer extends DefaultSerializer {
  _writeHostObject(view: object): void {
    const index = viewClasses.findIndex((viewClass) => view instanceof viewClass)
    if (index < 0 || !ArrayBuffer.isView(view)) throw new TypeError(`${nameOf(view)} cannot leave its process`)
    this.writeUint32(index)
    this.writeUint32(view.byteLength)
    this.writeRawBytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }
}

/** Reads each view into a buffer of its own, so that no view keeps its whole message in memory. */
class Deserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    const viewClass = viewClasses[this.readUint32()]!
    const length = this.readUint32()
    const { buffer } = new Uint8Array(this.readRawBytes(length))
    if ((viewClass as unknown) === Buffer) return Buffer.from(buffer)
    const { BYTES_PER_ELEMENT: size = 1 } = viewClass as { readonly BYTES_PER_ELEMENT?: number }
    return new viewClass(buffer, 0, length / size)
  }
}

/** Converts a value to bytes. Throws if it cannot be cloned. */
export const serialize = (value: unknown): Buffer => {
  const serializer = new Serializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  return serializer.releaseBuffer()
}

/** Reads a value from bytes. Throws if they contain no value, or one that is nested too deeply. */
export const deserialize = (bytes: Uint8Array): unknown => {
  const deserializer = new Deserializer(bytes)
  deserializer.readHeader()
  return deserializer.readValue()
}

const write = (value: unknown): Buffer => {
  refuseLost(value, true)
  return serialize(value)
}

const open = (): Channel => {
  const sealed: Array<Buffer> = []
  return {
    write: (value) => void sealed.push(write(value)),
    sealed,
    transfer: [],
    close: () => {}
  }
}

const read = (sealed: unknown): Reader => {
  const values = (sealed as ReadonlyArray<Uint8Array>).values()
  return {
    next: () => deserialize(values.next().value!),
    close: () => {}
  }
}

export const bytes: Crossing = { moves: false, clone: (value) => deserialize(write(value)), open, read }
