/**
 * The `exec` of one node: attempts with limits and a timeout, retries, and the fallback.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { around } from "../limit/around.ts"
import { toEffect } from "../primitives/effects.ts"
import { afterFailure, type Tried } from "../run/lanes/afterFailure.ts"
import * as DefaultRetry from "../run/lanes/defaultRetry.ts"
import * as Plan from "../run/plan.ts"
import type * as Types from "../run/types.ts"
import type { AnyEffect } from "../run/types.ts"
import * as Attempt from "../task/attempt.ts"
import { withTimeout } from "../task/deadline.ts"
import * as Path from "./path.ts"

/** The options for the attempts of a node. */
export type NodeAttempts = Pick<
  Types.Options<any, Types.Timeout, Types.Budget, any>,
  "retry" | "timeout" | "limit"
>

/** The function, its fallback, and the options for its attempts. */
export interface ExecOptions {
  readonly exec: (prepared: any) => unknown
  readonly fallback: ((prepared: any, cause: Cause.Cause<any>) => unknown) | undefined
  readonly options: NodeAttempts
}

/**
 * Checks the options and makes a function that runs `exec` at a path. Defaults at the path replace missing options. The
 * function returns a plain value or an effect; without options, defaults and tracing it returns the result of `exec`.
 */
export const make = ({ exec, fallback, options }: ExecOptions): (prepared: any, path: Path.Path) => unknown => {
  const own = Plan.checkOptions(options)
  const isPlain = fallback === undefined && Object.keys(own).length === 0
  return (prepared, path) => {
    const { defaults, traced } = path
    if (!isPlain || defaults !== undefined) return attempts({ exec, fallback }, own, prepared, path)
    if (traced) return inSpan(run(exec, prepared, path, 1), 1)
    const result = exec(prepared)
    return Effect.isEffect(result) ? Attempt.inside(result, readerAt(path, 1)) : result
  }
}

/** Runs attempts at `exec` until one succeeds or none is left. */
const attempts = (
  { exec, fallback }: Pick<ExecOptions, "exec" | "fallback">,
  own: Plan.CheckedOptions,
  prepared: any,
  path: Path.Path
): AnyEffect => {
  const { limits = [], retry, timeout }: Plan.CheckedOptions = { ...path.defaults, ...own }
  const retriesByDefault = own.retry === undefined && retry !== undefined
  const decide = afterFailure<any, any, any, any>(retry, Path.recoverAt(() => path, fallback))!
  const attempt = (tried: Tried<any>): AnyEffect => {
    const mark = retriesByDefault ? { isTaken: false } : undefined
    const timed = withTimeout(run(exec, prepared, path, tried.attempts), timeout)
    const ran = mark === undefined ? timed : DefaultRetry.marked(timed, mark)
    const seen = path.traced ? inSpan(ran, tried.attempts) : ran
    return Effect.catchCause(
      around(limits, seen, prepared),
      (cause) =>
        Effect.flatMap(decide(tried, cause, mark), (next): AnyEffect => {
          if (!Duration.isDuration(next)) return next
          const following = { ...tried, attempts: tried.attempts + 1 }
          return Effect.flatMap(wait(path, next, following.attempts), () => attempt(following))
        })
    )
  }
  const first = { index: 0, input: prepared, attempts: 1, decide: undefined }
  if (!retriesByDefault) return attempt(first)
  return Effect.contextWith((context: Context.Context<never>) => {
    DefaultRetry.take(context)
    return attempt(first)
  })
}

/** Runs `exec` as an attempt. */
const run = (exec: ExecOptions["exec"], prepared: any, path: Path.Path, attempt: number): AnyEffect =>
  Attempt.inside(Effect.suspend(() => toEffect(exec(prepared))), readerAt(path, attempt))

/** Makes the reader of the attempt at a node. As a run, a node is named by its path and has one input. */
const readerAt = (path: Path.Path, attempt: number): Attempt.AttemptReader => () => ({
  run: Path.pathOf(path),
  index: 0,
  attempt,
  key: path.recorder?.keyOf(path)
})

const inSpan = (run: AnyEffect, attempt: number): AnyEffect =>
  Path.spanned("attempt", { attributes: { attempt } }, () => run)

const wait = (path: Path.Path, delay: Duration.Duration, attempt: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeNanos, (now) => {
    path.span?.event("retry", now, { attempt, delay: Duration.format(delay) })
    return Duration.isZero(delay) ? Effect.void : Effect.sleep(delay)
  })
