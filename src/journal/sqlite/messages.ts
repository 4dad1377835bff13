/**
 * Messages between a program and the thread of its file: requests, each with one answer, in order.
 */
import type { RunId, RunInfo } from "../record/contract.ts"
import type { Opened } from "./file.ts"
import type { FileFault } from "./problems.ts"

/**
 * A request, by what it asks for. Places are pairs of a row and an offset; `counts` says how many of them belong to
 * each key.
 */
export type FileRequest =
  | { readonly _tag: "Open"; readonly path: string }
  | { readonly _tag: "Begin"; readonly run: RunId }
  | {
    readonly _tag: "Append"
    readonly number: number
    readonly keys: ReadonlyArray<string>
    readonly texts: ReadonlyArray<string>
    readonly failed: Uint8Array
  }
  | {
    readonly _tag: "Read"
    readonly keys: ReadonlyArray<string>
    readonly counts: Uint8Array
    readonly places: Uint32Array
  }
  | { readonly _tag: "Forget"; readonly name: string; readonly version: string | undefined }
  | { readonly _tag: "Inspect" }
  | { readonly _tag: "Close" }

/** Answers, by the requests that they belong to. */
export interface FileAnswers {
  readonly Open: Opened
  readonly Begin: {
    readonly number: number
    readonly recorded: number
    readonly failed: number
    /** Memory of the table of keys, and its size. Absent if it was sent before. */
    readonly table: { readonly words: Uint32Array<ArrayBuffer>; readonly size: number } | undefined
  }
  readonly Append: { readonly rows: Uint32Array; readonly offsets: Uint32Array }
  readonly Read: ReadonlyArray<string | undefined>
  readonly Forget: undefined
  readonly Inspect: ReadonlyArray<RunInfo & { readonly number: number }>
  readonly Close: undefined
}

/** An answer to the oldest request that has none: the value, or the fault. */
export type FileAnswer = { readonly value: unknown } | { readonly fault: FileFault }
