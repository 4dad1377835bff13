import * as Parallel from "effect-parallel/Parallel"
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Getter from "effect/SchemaGetter"

const module = import.meta.url

export class TooShort extends Schema.TaggedError<TooShort>()("TooShort", { words: Schema.Int }) {
  override get message(): string {
    return `only ${this.words} words`
  }
}

/** Fails with an error that has a schema: thrown by a separate function, or in a generator. */
export const judge = Task.make("judge", {
  module,
  payload: Schema.Int,
  success: Schema.Int,
  error: TooShort,
  run: (words) => Effect.suspend(() => words < 10 ? refuse(words) : Effect.succeed(words))
})

const refuse = (words: number) => Effect.fail(new TooShort({ words }))

export const judgeInGenerator = Task.make("judgeInGenerator", {
  module,
  error: TooShort,
  run: (words: number) =>
    Effect.gen(function*() {
      yield* Effect.sleep(1)
      return yield* new TooShort({ words })
    })
})

/** Fails without a schema, or with a value that is not an error. */
export const throws = Task.make("throws", {
  module,
  // @effect-diagnostics-next-line globalErrorInEffectFailure:off
  run: (thrown: string) => Effect.fail(new TypeError(thrown))
})
export const failsPlainly = Task.make("failsPlainly", { module, run: (value: unknown) => Effect.fail(value) })

/** Runs tasks inside: a direct call, or a run. */
export const judgesOne = Task.make("judgesOne", { module, run: (words: number) => judge(words) })
export const judgesAll = Task.make("judgesAll", {
  module,
  run: (all: ReadonlyArray<number>) => Parallel.forEach(all, judge)
})

/** An error whose stack is set by a task. */
class Odd extends Schema.TaggedError<Odd>()("Odd", {}) {}
export const oddStack = Task.make("oddStack", {
  module,
  error: Odd,
  run: (how: "none" | "number" | "throws" | "long") =>
    Effect.suspend(() => {
      const error = new Odd()
      const get = () => {
        if (how === "throws") throw new Error("no stack")
        return how === "number" ? 5 : how === "long" ? "x".repeat(1e6) : undefined
      }
      Object.defineProperty(error, "stack", { get })
      return Effect.fail(error)
    })
})

/** A schema that decodes every input to the same error. */
const constant = new TypeError("always the same")
const Constant = Schema.String.pipe(
  Schema.decodeTo(Schema.instanceOf(TypeError), {
    decode: Getter.transform(() => constant),
    encode: Getter.transform(() => "constant")
  })
)
export const failsConstantly = Task.make("failsConstantly", {
  module,
  error: Constant,
  // @effect-diagnostics-next-line globalErrorInEffectFailure:off
  run: (_: number) => Effect.suspend(() => Effect.fail(new TypeError("made here")))
})

/** Calls a task with a payload that its schema refuses. */
export const callsWrongly = Task.make("callsWrongly", { module, run: (_: number) => judge("three" as never) })
