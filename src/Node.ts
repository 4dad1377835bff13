/**
 * Steps of a workflow: a node takes a value, and exits with an action and a value.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as Exec from "./flow/exec.ts"
import { fromRun, isNode, isOut, type Node, type Out, out, type Posted, stating } from "./flow/node.ts"
import * as Path from "./flow/path.ts"
import type { Absent, ErrorOf, Late, NoPromise, Of, ServicesOf, Without } from "./flow/types.ts"
import { knownKeys, optionalFunction, wrongType } from "./primitives/check.ts"
import { flatMapValue, toEffect } from "./primitives/effects.ts"
import type * as Types from "./run/types.ts"

/** @since 0.1.0 */
export type { Location } from "./flow/path.ts"

/** @since 0.1.0 */
export {
  type Any,
  type Error,
  type Exit,
  type Input,
  isNode,
  isOut,
  type Node,
  type Out,
  out,
  type Services
} from "./flow/node.ts"

/** Parameter type of `exec`. */
type ExecInput<I, P> = Without<P, I, Of<P>>

/** Exits among the results of `exec` and `fallback`. */
type OutsIn<T> = T extends Out<string, any> ? T : never

/** The other results of `exec` and `fallback`: values. */
type ResultsIn<T> = T extends Out<string, any> ? never : T

/** Exits of a node without `post`. */
type Default<T> = OutsIn<T> | ([ResultsIn<T>] extends [never] ? never : Out<"default", ResultsIn<T>>)

/** Error of `exec` after its last attempt and its fallback. */
type ExecError<X, F, T> = [F] extends [never] ? ErrorOf<X> | Late<T> : ErrorOf<F>

/**
 * Makes a node of up to three steps: `prep` prepares the input, `exec` does the work, `post` chooses the exit.
 *
 * **Details**
 *
 * Each step returns an effect or a plain value. A node needs `exec` or `post`. If `exec` or `fallback` returns an
 * `Out`, that is the exit, and `post` does not run.
 *
 * `retry`, `timeout`, `limit` and `fallback` apply to `exec`. The timeout of an attempt starts when its limits have let
 * it through. A wait for a retry holds no limit.
 *
 * The node fails with the errors of the three steps. `timeout` adds `TimeoutError`, and `fallback` replaces the errors
 * of `exec` by its own. Interruption stops the step that runs, and nothing is retried. Wrong options are defects,
 * thrown here.
 *
 * **Gotchas**
 *
 * If `exec` is an inline `Effect.fn` or `Effect.fnUntraced`, next to a step whose parameters have no type annotations,
 * the compiler cannot infer their types. Give the function a name first (`exec: read`), or annotate its parameter
 * (`exec: (file: string) => read(file)`).
 *
 * **Example** (Retrying, and then giving up with another action)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * let calls = 0
 * const ask = Node.make("ask", {
 *   prep: (question: string) => question.trim(),
 *   exec: (question) => question === "" ? Effect.fail("empty") : Effect.succeed(`${question}: 42 (${++calls})`),
 *   retry: { times: 2 },
 *   fallback: (_, cause) => Node.out("gaveUp", cause.reasons.length),
 *   post: (question, _, answer) => Node.out("answered", { question, answer })
 * })
 *
 * console.log((await Effect.runPromise(Flow.run(ask, "why "))).action) // => "answered"
 * console.log((await Effect.runPromise(Flow.run(ask, " "))).action) // => "gaveUp"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <
  I,
  P = Absent,
  X = Absent,
  O extends Posted | Absent = Absent,
  F = never,
  T extends Types.Timeout = never
>(
  name: string,
  options: NoPromise<"prep", P> & NoPromise<"exec", X> & {
    /** Prepares the input: returns a value for `exec`, or an effect of one. Default: the input itself. */
    readonly prep?: (input: I) => P
    /**
     * Does the work: receives the result of `prep`, or the input, and returns a value or an effect of one. It may be a
     * `Task`, which runs on the provided backend. Default: passes on what it receives.
     */
    readonly exec?: (prepared: ExecInput<I, P>) => X
    /**
     * Chooses the exit: receives the input, the result of `prep` and the result of `exec`, and returns a `Node.out`, or
     * an effect of one. Default: exits with `"default"` and the result of `exec`.
     */
    readonly post?: (
      input: I,
      prepared: ExecInput<I, P>,
      result: Without<X, ExecInput<I, P>, ResultsIn<Of<X> | Of<F>>>
    ) => O
    /**
     * When a failed attempt is followed by another: a `Schedule`, or `{ times, schedule, while }`. Typed errors and
     * timeouts are retried, defects are not. Default: the `retry` of `Parallel.withDefaults`, or no retry.
     */
    readonly retry?: Types.RetryOption<ErrorOf<X> | Late<T>> | undefined
    /** Time limit of each attempt: a positive duration. A late attempt is interrupted. Default: none. */
    readonly timeout?: T | undefined
    /**
     * What each attempt has to pass before it starts: a `Limit`, several of them, or a function of the input of `exec`
     * that returns them. Default: the `limit` of `Parallel.withDefaults`, or none.
     */
    readonly limit?: Types.LimitOption<ExecInput<I, P>> | undefined
    /**
     * Replaces the failure of `exec` when no attempt is left: receives the input of `exec` and the cause of the last
     * attempt, and returns a result, an `Out`, or an effect of one. It runs for errors, timeouts and defects, never for
     * an interruption. Default: the node fails.
     */
    readonly fallback?: (prepared: ExecInput<I, P>, cause: Cause.Cause<ErrorOf<X> | Late<T>>) => F
  }
) => Node<
  I,
  Without<O, Without<X, never, Default<Of<X> | Of<F>>>, OutsIn<Of<O> | Of<X> | Of<F>>>,
  ErrorOf<P> | ExecError<X, F, T> | ErrorOf<O>,
  ServicesOf<P> | ServicesOf<X> | ServicesOf<F> | ServicesOf<O>
> = (name: string, options: NodeSteps): any => {
  knownKeys("node options", options, ["prep", "exec", "post", "retry", "timeout", "limit", "fallback"])
  const { exec, fallback, post, prep, ...attempts } = options
  for (const [step, given] of Object.entries({ prep, exec, post, fallback })) {
    optionalFunction(step, given)
  }
  if (exec === undefined) {
    if (post === undefined) wrongType("exec", "given where there is no `post`", exec)
    const extra = Object.entries({ fallback, ...attempts }).find(([, given]) => given !== undefined)
    if (extra !== undefined) wrongType(extra[0], "left out where there is no `exec`", extra[1])
  }
  const execute = exec === undefined
    ? (prepared: unknown) => prepared
    : Exec.make({ exec, fallback, options: attempts })
  const leave = (input: unknown, prepared: unknown, result: unknown) =>
    isOut(result) && exec !== undefined
      ? Effect.succeed(result)
      : post === undefined
      ? Effect.succeed(out("default", result))
      : toEffect(post(input, prepared, result))
  const run = (input: unknown, path: Path.Path) =>
    flatMapValue(
      prep === undefined ? input : prep(input),
      (prepared) => flatMapValue(execute(prepared, path), (result) => leave(input, prepared, result))
    )
  return fromRun(name, { run, graph: { _tag: "Node" } })
}

/** Options before their types are known. */
interface NodeSteps extends Exec.NodeAttempts {
  readonly prep?: ((input: any) => unknown) | undefined
  readonly exec?: ((prepared: any) => unknown) | undefined
  readonly post?: ((input: any, prepared: any, result: any) => unknown) | undefined
  readonly fallback?: ((prepared: any, cause: Cause.Cause<any>) => unknown) | undefined
}

/**
 * Returns a copy of a node with a schema for the values of its exits.
 *
 * **When to use**
 *
 * Use for a flow that a journal records, if a node exits with values that JSON does not keep unchanged.
 *
 * **Details**
 *
 * The node may be of any kind, and is not changed. The schema has to accept the values of all its exits. Only
 * `Flow.run` with a `journal` uses it.
 *
 * **Example** (Recording a date)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Flow, Journal, Node } from "effect-parallel"
 *
 * const parse = Node.withSchema(Node.make("parse", { exec: (text: string) => new Date(text) }), Schema.Date)
 *
 * const program = Flow.run(parse, "2026-01-01", { journal: true }).pipe(Effect.provide(Journal.layerMemory))
 * console.log((await Effect.runPromise(program)).value.getUTCFullYear()) // => 2026
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withSchema = <I, X extends Out<string, unknown>, E, R>(
  self: Node<I, X, E, R>,
  schema: Schema.Codec<X["value"], any>
): Node<I, X, E, R> => {
  if (!isNode(self)) wrongType("node", "a node", self)
  if (!hasProperty(schema, "ast")) wrongType("schema", "a schema", schema)
  return stating(self, schema)
}

/**
 * Returns where the failure of a node comes from, or none if the cause is not from a node.
 *
 * **Details**
 *
 * The location is an annotation of the cause, and a line of the printed cause. The error itself is unchanged, so
 * handlers of typed errors see no difference. In nested flows, it is the location of the innermost node.
 *
 * **Example** (Finding the node that failed)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * const parse = Node.make("parse", { exec: (text: string) => Effect.fail(`no number: ${text}`) })
 * const flow = Flow.chain("import", parse)
 *
 * const program = Flow.run(flow, "x").pipe(
 *   Effect.catchCause((cause) => Effect.succeed(Option.map(Node.location(cause), ({ path }) => path)))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => Option.some("import/parse")
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const location = (cause: Cause.Cause<unknown>): Option.Option<Path.Location> => Path.locationOf(cause)
