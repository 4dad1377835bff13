import { type Cause, Context, Effect, Layer, Schema, type Stream } from "effect"
import { type Backend, Limit, type Outcome, Parallel, type Report, Task } from "effect-parallel"
import { describe, expectTypeOf, it } from "vitest"

class Negative extends Schema.TaggedError<Negative>()("Negative", { n: Schema.Finite }) {}
class Model extends Context.Service<Model, { readonly ask: (prompt: string) => Effect.Effect<string, Negative> }>()(
  "test/Model"
) {}

const root = Task.make("root", {
  module: import.meta.url,
  payload: Schema.Finite,
  success: Schema.Finite,
  error: Negative,
  run: (n) => n < 0 ? Effect.fail(new Negative({ n })) : Effect.succeed(Math.sqrt(n))
})
const ask = (prompt: string) => Model.use((model) => model.ask(prompt))
const timeout = "1 second"

type Timeout = Cause.TimeoutError
type TooMany<E> = Outcome.TooManyErrors<string, string, E>

describe("Parallel", () => {
  it("infers the values of inputs whose type is any", () => {
    const inputs: any = JSON.parse("[1]")
    const half = (n: number) => Effect.succeed(n / 2)

    expectTypeOf(Parallel.forEach(inputs, half)).toEqualTypeOf<Effect.Effect<Array<number>>>()
    expectTypeOf(Parallel.run(inputs, half, { timeout })).toEqualTypeOf<
      Effect.Effect<Report.Report<number, number, Timeout>>
    >()
    expectTypeOf(Parallel.partition(inputs, half)).toExtend<Effect.Effect<[Array<number>, unknown]>>()
  })

  it("forEach has the error and the services of its work, and a timeout when there is one", () => {
    expectTypeOf(Parallel.forEach(["a"], ask)).toEqualTypeOf<Effect.Effect<Array<string>, Negative, Model>>()
    expectTypeOf(Parallel.forEach(["a"], ask, {})).toEqualTypeOf<Effect.Effect<Array<string>, Negative, Model>>()
    expectTypeOf(Parallel.forEach(["a"], ask, { concurrency: 3, retry: { times: 2 }, limit: Limit.concurrency(2) }))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative, Model>>()
    expectTypeOf(Parallel.forEach(["a"], ask, { timeout }))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout, Model>>()
    expectTypeOf(Parallel.forEach(["a"], ask, { timeout: undefined }))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative, Model>>()
    expectTypeOf(Parallel.forEach([1], (n, i) => Effect.succeed(n + i)))
      .toEqualTypeOf<Effect.Effect<Array<number>>>()
  })

  it("options whose keys are unknown may include a timeout and a budget", () => {
    const options = {} as Parallel.Options
    expectTypeOf(Parallel.run(["a"], ask, options))
      .toEqualTypeOf<
        Effect.Effect<Report.Report<string, string, Negative | Timeout>, TooMany<Negative | Timeout>, Model>
      >()
  })

  it("validate, partition and run have exactly the errors that can occur", () => {
    expectTypeOf(Parallel.validate(["a"], ask))
      .toEqualTypeOf<Effect.Effect<Array<string>, Outcome.FailedExamples<string, string, Negative>, Model>>()
    expectTypeOf(Parallel.validate(["a"], ask, { maxErrors: 2, timeout })).toEqualTypeOf<
      Effect.Effect<
        Array<string>,
        Outcome.FailedExamples<string, string, Negative | Timeout> | TooMany<Negative | Timeout>,
        Model
      >
    >()
    expectTypeOf(Parallel.partition(["a"], ask)).toEqualTypeOf<
      Effect.Effect<[values: Array<string>, failures: Array<Outcome.Failure<string, Negative>>], never, Model>
    >()
    expectTypeOf(Parallel.partition(["a"], ask, { maxErrors: 3, timeout })).toEqualTypeOf<
      Effect.Effect<
        [values: Array<string>, failures: Array<Outcome.Failure<string, Negative | Timeout>>],
        TooMany<Negative | Timeout>,
        Model
      >
    >()
    expectTypeOf(Parallel.run(["a"], ask)).toEqualTypeOf<
      Effect.Effect<Report.Report<string, string, Negative>, never, Model>
    >()
    expectTypeOf(Parallel.run(["a"], ask, { maxErrors: 3 })).toEqualTypeOf<
      Effect.Effect<Report.Report<string, string, Negative>, TooMany<Negative>, Model>
    >()
  })

  it("stream gives outcomes, and fails only for a budget or its inputs", () => {
    expectTypeOf(Parallel.stream(["a"], ask, { order: "completion" })).toEqualTypeOf<
      Stream.Stream<Outcome.Outcome<string, string, Negative>, never, Model>
    >()
    expectTypeOf(Parallel.stream(["a"], ask, { maxErrors: 2 })).toEqualTypeOf<
      Stream.Stream<Outcome.Outcome<string, string, Negative>, TooMany<Negative>, Model>
    >()
  })

  it("inputs of a stream add its error and its services", () => {
    const inputs = {} as Stream.Stream<string, "broken", Layer.CurrentMemoMap>
    expectTypeOf(Parallel.forEach(inputs, ask))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | "broken", Model | Layer.CurrentMemoMap>>()
    expectTypeOf(Parallel.partition(inputs, ask)).toEqualTypeOf<
      Effect.Effect<
        [values: Array<string>, failures: Array<Outcome.Failure<string, Negative>>],
        "broken",
        Model | Layer.CurrentMemoMap
      >
    >()
    expectTypeOf(Parallel.forEach(
      (async function*() {
        yield "a"
      })(),
      ask
    )).toEqualTypeOf<Effect.Effect<Array<string>, Negative, Model>>()
  })

  it("a task adds BackendError", () => {
    expectTypeOf(root).toEqualTypeOf<Task.Task<number, number, Negative>>()
    expectTypeOf(root(1)).toEqualTypeOf<Effect.Effect<number, Negative | Backend.BackendError>>()
    expectTypeOf(Parallel.forEach([1, 2], root))
      .toEqualTypeOf<Effect.Effect<Array<number>, Negative | Backend.BackendError>>()
    expectTypeOf(Parallel.partition([1, 2], root, { timeout })).toEqualTypeOf<
      Effect.Effect<
        [
          values: Array<number>,
          failures: Array<Outcome.Failure<number, Negative | Backend.BackendError | Timeout>>
        ]
      >
    >()
  })

  it("a BackendError is caught by its reason", () => {
    const caught = root(1).pipe(
      Effect.catchReason("BackendError", "WorkerCrashed", (reason) => Effect.succeed(reason.stderr))
    )
    expectTypeOf(caught).toEqualTypeOf<Effect.Effect<number | string, Negative | Backend.BackendError>>()
  })

  it("infers with its inputs last", () => {
    expectTypeOf(["a"]).toExtend<Parallel.Inputs<string>>()
    const effect = Parallel.forEach(ask, { timeout })(["a"])
    expectTypeOf(effect).toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout, Model>>()
    const piped = Effect.succeed([1, 2]).pipe(Effect.flatMap(Parallel.partition((n) => Effect.succeed(`${n}`))))
    expectTypeOf(piped).toEqualTypeOf<
      Effect.Effect<[values: Array<string>, failures: Array<Outcome.Failure<number, never>>]>
    >()
  })

  it("gives the retry predicate the error", () => {
    void Parallel.run(["a"], ask, {
      timeout,
      retry: {
        while: (error) => {
          expectTypeOf(error).toEqualTypeOf<Negative | Timeout>()
          return error._tag === "TimeoutError"
        }
      }
    })
  })

  it("all keeps tuples, arrays and records", () => {
    expectTypeOf(Parallel.all([Effect.succeed(1), ask("a")]))
      .toEqualTypeOf<Effect.Effect<[number, string], Negative, Model>>()
    expectTypeOf(Parallel.all({ a: Effect.succeed(1), b: ask("b") }, { timeout }))
      .toEqualTypeOf<Effect.Effect<{ a: number; b: string }, Negative | Timeout, Model>>()
    expectTypeOf(Parallel.all([1, 2].map((n) => Effect.succeed(n)))).toEqualTypeOf<Effect.Effect<Array<number>>>()
  })

  it("pairs keep the type of each", () => {
    const double = (n: number) => Effect.succeed(n * 2)
    expectTypeOf(Parallel.pairs([[double, 1], [ask, "a"]]))
      .toEqualTypeOf<Effect.Effect<[number, string], Negative, Model>>()
    // @ts-expect-error double takes a number
    void Parallel.pairs([[double, "a"]])
  })

  it("withDefaults changes no type", () => {
    expectTypeOf(Parallel.forEach(["a"], ask).pipe(Parallel.withDefaults({ concurrency: 2 })))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative, Model>>()
    // @ts-expect-error a timeout would add an error that the type does not include
    void Parallel.withDefaults({ timeout: 1 })
  })

  it("refuses options that do not exist, inputs of another type and works that return no effect", () => {
    // @ts-expect-error no such option
    void Parallel.forEach(["a"], ask, { concurency: 3 })
    // @ts-expect-error no such option, beside one that exists
    void Parallel.forEach(["a"], ask, { concurrency: 3, timeuot: 1 })
    // @ts-expect-error ask takes a string
    void Parallel.forEach([1], ask)
    // @ts-expect-error a promise is not an effect
    void Parallel.forEach([1], async (n) => n)
    // @ts-expect-error null is not inputs
    void Parallel.forEach(null, ask)
    // @ts-expect-error order is for streams
    void Parallel.run(["a"], ask, { order: "input" })
  })

  it("refuses to run works whose services are missing", () => {
    const runnable = (effect: Effect.Effect<unknown, unknown>) => effect
    // @ts-expect-error Model is missing
    // @effect-diagnostics-next-line missingEffectContext:off
    void runnable(Parallel.forEach(["a"], ask))
  })
})

describe("Task", () => {
  it("without a layer needs no services", () => {
    // @ts-expect-error run needs Model, and no layer gives it
    Task.make("ask", { module: import.meta.url, run: ask })
  })

  it("has its services from its layer", () => {
    const layer = Layer.succeed(Model, { ask: (prompt) => Effect.succeed(prompt) })
    expectTypeOf(Task.make("ask", { module: import.meta.url, run: ask, layer }))
      .toEqualTypeOf<Task.Task<string, string, Negative>>()
  })

  it("infers its types from its function", () => {
    expectTypeOf(Task.make("length", { module: import.meta.url, run: (text: string) => Effect.succeed(text.length) }))
      .toEqualTypeOf<Task.Task<string, number>>()
  })
})

describe("a run as an argument", () => {
  it("keeps its types where any effect is expected", () => {
    expectTypeOf(Effect.all([Parallel.forEach(["a"], ask), Parallel.partition(["a"], ask)])).toEqualTypeOf<
      Effect.Effect<
        [Array<string>, [values: Array<string>, failures: Array<Outcome.Failure<string, Negative>>]],
        Negative,
        Model
      >
    >()
  })
})
