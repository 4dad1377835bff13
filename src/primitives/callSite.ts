/**
 * Places where a program has called this library, for failures whose own stack does not lead there.
 */
import type { StackFrame } from "effect/References"

/** Number of frames that are captured, and of those of the program that are kept. */
const mostCaptured = 12
const mostKept = 3

/** The folder of this library, as it may stand in a frame; none in a bundle, whose file is that of the program too. */
const folders: ReadonlyArray<string> = (() => {
  const { url } = import.meta
  if (!/\/primitives\/callSite\.[jt]s$/.test(url)) return []
  const { href, pathname } = new URL("..", url)
  return [href, decodeURIComponent(pathname)]
})()

/** True for a frame of this library, of Effect, of Node.js, or of the language, such as `Generator.next`. */
const isForeign = (line: string): boolean =>
  /\/node_modules\/effect\/|node:|<anonymous>|\.next \(/.test(line) || folders.some((folder) => line.includes(folder))

/** A place in the program. Its text is made when it is asked for. */
export class CallSite {
  private readonly error: Error
  private kept: ReadonlyArray<string> | undefined = undefined

  constructor(error: Error) {
    this.error = error
  }

  /** The innermost frames of the program, as lines of a stack. */
  get frames(): ReadonlyArray<string> {
    return this.kept ??= String(this.error.stack).split("\n")
      .filter((line) => /^\s+at /.test(line) && !isForeign(line))
      .slice(0, mostKept)
  }
}

/** Captures the place of a call; undefined where stacks are switched off. */
export const capture = (): CallSite | undefined => {
  const limit = Error.stackTraceLimit
  if (!(limit > 0)) return undefined
  try {
    Error.stackTraceLimit = mostCaptured
    return new CallSite(new Error())
  } catch {
    // the limit cannot be written
    return undefined
  } finally {
    if (Error.stackTraceLimit !== limit) Error.stackTraceLimit = limit
  }
}

/** Makes the frame of a call, as causes have it: the name of what was called, and where. */
export const frameOf = (name: string, site: CallSite | undefined, parent: StackFrame | undefined): StackFrame => ({
  name,
  stack: () => site?.frames[0]?.trim(),
  parent
})
