/**
 * How far a run is, on stderr, so that stdout holds nothing but the result.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/** Told of every text that is done. */
export interface Progress {
  readonly tick: (outcome: { readonly _tag: "Success" | "Failure" }) => Effect.Effect<void>
}

/** How often a terminal is written to, at most, in milliseconds. */
const pause = 100

/** How many lines are written where there is no terminal. */
const lines = 4

/**
 * Shows how far a run over `total` texts is, until the scope is closed.
 *
 * **Details**
 *
 * On a terminal one line, rewritten in place ten times a second at most, and gone at the end; elsewhere four lines in
 * all, one for each quarter of the texts. Errors: none; that stderr cannot be written to changes nothing.
 */
export const make = Effect.fnUntraced(function*(total: number): Effect.fn.Return<
  Progress,
  never,
  Scope.Scope | Stdio.Stdio
> {
  const stdio = yield* Stdio.Stdio
  const isTerminal = yield* stdio.stderrIsTerminal
  const start = yield* Clock.currentTimeMillis
  const write = (text: string) => Effect.ignore(Stream.run(Stream.make(text), stdio.stderr()))
  let done = 0
  let failed = 0
  let written = start

  const line = (now: number): string => {
    const rate = now > start ? 1000 * done / (now - start) : 0
    return `${done} of ${total} texts done, ${failed} failed, ${rate.toFixed(rate < 10 ? 1 : 0)} a second`
  }
  const rewrite = (now: number) => {
    written = now
    return write(`\r\u001B[2K${line(now)}`)
  }
  const isQuarter = () => Math.floor(lines * done / total) > Math.floor(lines * (done - 1) / total)

  if (isTerminal) {
    yield* rewrite(start)
    yield* Effect.addFinalizer(() => write("\r\u001B[2K"))
  }
  return {
    tick: ({ _tag }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        done++
        if (_tag === "Failure") failed++
        if (isTerminal) return now - written < pause ? Effect.void : rewrite(now)
        return isQuarter() ? write(`${line(now)}\n`) : Effect.void
      })
  }
})
