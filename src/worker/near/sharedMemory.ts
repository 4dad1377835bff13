/**
 * Binary data on its way to a worker. A structured clone of a view copies the whole buffer, for every payload.
 * Therefore a large array becomes shared memory, once for each run, and a small view of a large buffer gets a small
 * buffer of its own.
 */

import { ballast } from "../wire/ballast.ts"
import { isSparse } from "../wire/form.ts"
import { over } from "../wire/views.ts"

/** Number of levels of plain objects, arrays and maps that are searched for binary data. */
const depth = 4

interface SharedCopy {
  readonly memory: SharedArrayBuffer
  readonly ballast: ArrayBuffer
}

export class SharedMemory {
  private readonly maxBytes: number | undefined
  private readonly shared = new WeakMap<ArrayBufferLike, SharedCopy>()
  /** Number of bytes of shared memory made so far, and how many of them each worker has seen. */
  private bytes = 0
  private readonly known = new WeakMap<object, number>()

  constructor(maxBytes: number | undefined) {
    this.maxBytes = maxBytes
  }

  /** Registers a worker that gets everything packed so far. Returns the number of bytes that are new to it. */
  introduce(worker: object): number {
    const bytes = this.bytes - (this.known.get(worker) ?? 0)
    if (bytes > 0) this.known.set(worker, this.bytes)
    return bytes
  }

  /** Returns the value itself, or a copy in which large arrays and small views are replaced. */
  readonly pack = (value: unknown): unknown => this.visit(value, depth)

  private visit(value: unknown, levels: number): unknown {
    if (typeof value !== "object" || value === null) return value
    if (ArrayBuffer.isView(value)) return this.view(value)
    if (levels === 0) return value
    if (Array.isArray(value)) return this.array(value, levels - 1)
    if (value instanceof Map) return this.map(value, levels - 1)
    const prototype = Object.getPrototypeOf(value)
    return prototype === Object.prototype || prototype === null ? this.record(value, levels - 1) : value
  }

  private array(values: ReadonlyArray<unknown>, levels: number): ReadonlyArray<unknown> {
    if (isSparse(values)) return values
    let copy: Array<unknown> | undefined
    for (let index = 0; index < values.length; index++) {
      const packed = this.visit(values[index], levels)
      if (packed !== values[index]) (copy ??= [...values])[index] = packed
    }
    return copy ?? values
  }

  private map(values: ReadonlyMap<unknown, unknown>, levels: number): ReadonlyMap<unknown, unknown> {
    let copy: Map<unknown, unknown> | undefined
    for (const [key, value] of values) {
      const packed = this.visit(value, levels)
      if (packed !== value) (copy ??= new Map(values)).set(key, packed)
    }
    return copy ?? values
  }

  private record(values: object, levels: number): object {
    let copy: Record<string, unknown> | undefined
    for (const [key, value] of Object.entries(values)) {
      const packed = this.visit(value, levels)
      if (packed !== value) (copy ??= { ...values })[key] = packed
    }
    return copy ?? values
  }

  private view(view: ArrayBufferView): ArrayBufferView {
    const { buffer, byteLength, byteOffset } = view
    if (buffer instanceof SharedArrayBuffer) return view
    const isLarge = this.maxBytes !== undefined && byteLength >= this.maxBytes
    if (!isLarge && byteLength === buffer.byteLength) return view
    const from = isLarge ? this.share(buffer) : buffer.slice(byteOffset, byteOffset + byteLength)
    return over(view, from, isLarge ? byteOffset : 0)
  }

  /** Returns the shared copy of a buffer. Makes the copy the first time. */
  private share(buffer: ArrayBuffer): SharedArrayBuffer {
    let shared = this.shared.get(buffer)
    if (shared === undefined) {
      shared = { memory: new SharedArrayBuffer(buffer.byteLength), ballast: ballast(buffer.byteLength) }
      new Uint8Array(shared.memory).set(new Uint8Array(buffer))
      this.shared.set(buffer, shared)
      this.bytes += buffer.byteLength
    }
    return shared.memory
  }
}
