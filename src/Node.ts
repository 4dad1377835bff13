/**
 * A step of a flow: it takes a value, and leaves by an action with a value.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
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

/** Values among them that are not exits. */
type ResultsIn<T> = T extends Out<string, any> ? never : T

/** Exits of a node without `post`. */
type Default<T> = OutsIn<T> | ([ResultsIn<T>] extends [never] ? never : Out<"default", ResultsIn<T>>)

/** Error of `exec` after its last attempt and its fallback. */
type ExecError<X, F, T> = [F] extends [never] ? ErrorOf<X> | Late<T> : ErrorOf<F>

/**
 * Makes a node of three steps, each of them an effect or a plain value, and each optional: `prep` makes the input
 * ready, `exec` does the work, `post` chooses how to leave.
 *
 * **Details**
 *
 * Graph: `exec` is given what `prep` gave, or the input; `post` is given the input, what `prep` gave and the result of
 * `exec`, and leaves by `Node.out(action, value)`. Without `post` the node leaves by `"default"` with the result. An
 * `Out` that `exec` or `fallback` gives back is the exit already: `post` is not asked. `exec` may be a `Task`, and then
 * runs on the provided backend.
 *
 * `retry`, `timeout`, `limit` and `fallback` belong to `exec`. The timeout starts with each attempt, when its limits
 * have let it through; a retry waits outside the limits; `fallback` sees the cause of the last attempt.
 *
 * Errors: those of the three steps; `timeout` adds `TimeoutError`; a `fallback` puts its own in place of those of
 * `exec`. Options out of their range are defects, thrown here. Interruption stops the step under way, and nothing is
 * tried again.
 *
 * **Gotchas**
 *
 * `Effect.fn` and `Effect.fnUntraced` in place, beside a step whose parameters are not annotated, leave the compiler
 * without a type for these: give the function a name first (`exec: read`), or write `exec: (file: string) =>
 * read(file)`.
 *
 * **Example** (A node that is tried again, and then gives up by another action)
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
  T extends Duration.Input | undefined = never
>(
  name: string,
  options: NoPromise<"prep", P> & NoPromise<"exec", X> & {
    readonly prep?: (input: I) => P
    readonly exec?: (prepared: ExecInput<I, P>) => X
    readonly post?: (
      input: I,
      prepared: ExecInput<I, P>,
      result: Without<X, ExecInput<I, P>, ResultsIn<Of<X> | Of<F>>>
    ) => O
    /**
     * When a failed attempt is followed by another. Typed errors and timeouts are tried again, defects are not. Default:
     * that of `Parallel.withDefaults`, or none.
     */
    readonly retry?: Types.RetryOption<ErrorOf<X> | Late<T>> | undefined
    /** How long an attempt may take. */
    readonly timeout?: T | undefined
    /** What each attempt passes before it starts. Default: that of `Parallel.withDefaults`, or none. */
    readonly limit?: Types.LimitOption<ExecInput<I, P>> | undefined
    /** Takes the place of `exec` when no attempt is left: for errors, timeouts and defects, never for interruption. */
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
    if (post === undefined) wrongType("exec", "given, or `post`", exec)
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
 * States the schema of the values by which a node is left, for a flow that is recorded: values that JSON does not keep as they
 * are need one.
 *
 * **Details**
 *
 * Shape: the same node, of whatever kind; the one that is given stays as it is. The schema has to take the values of all its exits. It
 * is used by `Flow.run` with a `journal`, and by nothing else.
 *
 * **Example** (A date that is known again)
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
 * Where the failure of a node came from; none when the cause is not a node's.
 *
 * **Details**
 *
 * Every failure of a node carries its location as an annotation of its cause, and as a line of the printed cause. The
 * error itself stays what it was, so handlers of typed errors see no difference. A nested flow's failure keeps the
 * location of the innermost node.
 *
 * **Example** (The node behind a failure)
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
