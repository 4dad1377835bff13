/**
 * Places where a program has called this library, for failures whose own stack does not lead there.
 */
import type { StackFrame } from "effect/References"
import { timer } from "./monotonic.ts"
import { shortenName } from "./shorten.ts"

/**
 * Number of frames that are captured, some of them in this library and in Effect, and number of frames that are kept.
 */
const mostCaptured = 12
const mostKept = 3

/**
 * Greatest number of captures in a window, and the length of the window in milliseconds. A capture takes about 5 µs (10
 * % of a call on a thread). A program that calls more often than this spends a hundredth of its time on captures, and
 * some of its calls have no place.
 */
const mostInWindow = 20
const windowMillis = 10

/**
 * The folder of this library, as a frame may show it. Empty in a bundle, which is one file with the code of the
 * program.
 */
const folders: ReadonlyArray<string> = (() => {
  const { url } = import.meta
  if (!/\/primitives\/callSite\.[jt]s$/.test(url)) return []
  const { href, pathname } = new URL("..", url)
  return [href, decodeURIComponent(pathname)]
})()

/** Returns true for a frame of this library, of Effect, of Node.js, or of the language, such as `Generator.next`. */
const isForeign = (line: string): boolean =>
  /\/node_modules\/effect\/|[( ]node:|\(<anonymous>\)$/.test(line) || folders.some((folder) => line.includes(folder))

/**
 * A place in the program. Its text is made when it is asked for. Until then the stack keeps alive everything that its
 * functions can reach, so code that keeps a place for long asks for its text.
 */
export class CallSite {
  private error: Error | undefined
  private kept: ReadonlyArray<string> = []

  constructor(error: Error) {
    this.error = error
  }

  /** The innermost frames of the program, as lines of a stack. */
  get frames(): ReadonlyArray<string> {
    const { error } = this
    if (error === undefined) return this.kept
    this.error = undefined
    try {
      this.kept = String(error.stack).split("\n")
        .filter((line) => /^\s+at /.test(line) && !isForeign(line))
        .slice(0, mostKept)
    } catch {
      // a program can replace the function that makes stacks
    }
    return this.kept
  }
}

let windowStart = -Infinity
let left = 0

/** Returns true if a capture is within its budget. */
const mayCapture = (): boolean => {
  const now = timer.now()
  if (now - windowStart >= windowMillis) {
    windowStart = now
    left = mostInWindow
  }
  return left-- > 0
}

/**
 * Captures the place of a call, with at most `frames` frames. Returns undefined if there were many captures recently,
 * or if stacks are switched off.
 */
export const capture = (frames = mostCaptured): CallSite | undefined => {
  const limit = Error.stackTraceLimit
  if (!(limit > 0) || !mayCapture()) return undefined
  try {
    Error.stackTraceLimit = frames
    return new CallSite(new Error())
  } catch {
    // the limit is read-only
    return undefined
  } finally {
    if (Error.stackTraceLimit !== limit) Error.stackTraceLimit = limit
  }
}

/**
 * Makes the frame of a call of a task, as causes hold it: what was called, and where. Its texts are made when they are
 * asked for.
 */
export const frameOf = (
  task: { readonly name: string },
  site: CallSite | undefined,
  parent: StackFrame | undefined
): StackFrame => ({
  get name() {
    return `task ${shortenName(task.name)}`
  },
  stack: () => site?.frames[0]?.trim(),
  parent
})
