import { type Cause, Effect, Schema, type Stream } from "effect"
import {
  BatchFlow,
  BatchNode,
  Flow,
  type Journal,
  Node,
  type Outcome,
  Parallel,
  type Report,
  Task
} from "effect-parallel"
import { describe, expectTypeOf, it } from "vitest"

const work = (text: string) => text === "" ? Effect.fail("empty" as const) : Effect.succeed(text.length)
const inputs = ["a"]

type Without = Effect.Effect<Array<number>, "empty">
type With = Effect.Effect<
  Array<number>,
  "empty" | Journal.JournalError<string, number, "empty">,
  Journal.Journal
>
type WithTimeout = Effect.Effect<
  Array<number>,
  "empty" | Cause.TimeoutError | Journal.JournalError<string, number, "empty" | Cause.TimeoutError>,
  Journal.Journal
>

describe("the option journal", () => {
  it("changes no type unless it is given", () => {
    expectTypeOf(Parallel.forEach(inputs, work)).toEqualTypeOf<Without>()
    expectTypeOf(Parallel.forEach(inputs, work, { name: "run" })).toEqualTypeOf<Without>()
    expectTypeOf(Parallel.forEach(inputs, work, { name: "run", journal: undefined })).toEqualTypeOf<Without>()
    const own: Parallel.Options<"empty", never> = { name: "run" }
    expectTypeOf(Parallel.forEach(inputs, work, own)).toEqualTypeOf<Without>()
  })

  it("adds its error and its service in every form, with and without a timeout", () => {
    const name = "run"
    expectTypeOf(Parallel.forEach(inputs, work, { name, journal: true })).toEqualTypeOf<With>()
    expectTypeOf(Parallel.forEach(inputs, work, { name, journal: {} })).toEqualTypeOf<With>()
    expectTypeOf(Parallel.forEach(inputs, work, { name, journal: { version: "2" } })).toEqualTypeOf<With>()
    expectTypeOf(Parallel.forEach(inputs, work, { name, journal: { retryFailed: false } })).toEqualTypeOf<With>()
    expectTypeOf(Parallel.forEach(inputs, work, { name, journal: { key: (text) => text.trim() } })).toEqualTypeOf<
      With
    >()
    expectTypeOf(Parallel.forEach(inputs, work, {
      name,
      journal: { key: (text, index) => text + index.toFixed(), success: Schema.Finite, error: Schema.Literal("empty") },
      timeout: "1 second"
    })).toEqualTypeOf<WithTimeout>()
    expectTypeOf(Parallel.forEach(inputs, work, { timeout: 5, name, journal: true })).toEqualTypeOf<WithTimeout>()
    const maybe = { name, journal: undefined as true | undefined }
    expectTypeOf(Parallel.forEach(inputs, work, maybe)).toEqualTypeOf<With>()
    const any = { name, journal: undefined as any }
    expectTypeOf(Parallel.forEach(inputs, work, any)).toEqualTypeOf<With>()
  })

  it("adds them with the inputs last", () => {
    expectTypeOf(Parallel.forEach(work, { name: "run", journal: true })(inputs)).toEqualTypeOf<With>()
    expectTypeOf(Parallel.forEach(work, { name: "run", journal: { key: (text) => text.trim() } })(inputs))
      .toEqualTypeOf<With>()
  })

  it("adds them to every way to run", () => {
    const options = { name: "run", journal: true } as const
    type Failed = Journal.JournalError<string, number, "empty">
    expectTypeOf(Parallel.run(inputs, work, options)).toEqualTypeOf<
      Effect.Effect<Report.Report<string, number, "empty">, Failed, Journal.Journal>
    >()
    expectTypeOf(Parallel.partition(inputs, work, options)).toEqualTypeOf<
      Effect.Effect<[Array<number>, Array<Outcome.Failure<string, "empty">>], Failed, Journal.Journal>
    >()
    expectTypeOf(Parallel.validate(inputs, work, options)).toEqualTypeOf<
      Effect.Effect<Array<number>, Failed | Outcome.FailedExamples<string, number, "empty">, Journal.Journal>
    >()
    expectTypeOf(Parallel.stream(inputs, work, options)).toEqualTypeOf<
      Stream.Stream<Outcome.Outcome<string, number, "empty">, Failed, Journal.Journal>
    >()
  })

  it("adds them to batches and flows", () => {
    const node = BatchNode.make("node", { exec: (text: string) => work(text), journal: true, concurrency: 1 })
    expectTypeOf<Node.Services<typeof node>>().toEqualTypeOf<Journal.Journal>()
    expectTypeOf<Node.Error<typeof node>>().toEqualTypeOf<"empty" | Journal.JournalError<string, number, "empty">>()
    const without = BatchNode.make("node", { exec: (text: string) => work(text), concurrency: 1 })
    expectTypeOf<Node.Services<typeof without>>().toEqualTypeOf<never>()

    const step = Node.make("step", { exec: (text: string) => text.length })
    const batch = BatchFlow.make("batch", { flow: step, journal: { key: (text) => text.trim() }, concurrency: 1 })
    expectTypeOf<Node.Services<typeof batch>>().toEqualTypeOf<Journal.Journal>()

    type Left = Node.Out<"default", number>
    expectTypeOf(Flow.run(step, "a")).toEqualTypeOf<Effect.Effect<Left>>()
    expectTypeOf(Flow.run(step, "a", { journal: { key: (text) => text.trim() } })).toEqualTypeOf<
      Effect.Effect<Left, Journal.JournalError<string, number, never>, Journal.Journal>
    >()
    expectTypeOf(Flow.run("a", { journal: true })(step)).toEqualTypeOf<
      Effect.Effect<Left, Journal.JournalError<string, number, never>, Journal.Journal>
    >()
  })

  it("is refused where it does not fit", () => {
    const refused = [
      // @ts-expect-error: an input is a string
      Parallel.forEach(inputs, work, { name: "run", journal: { key: (n: number) => n.toFixed() } }),
      // @ts-expect-error: a value is a number
      Parallel.forEach(inputs, work, { name: "run", journal: { success: Schema.String } }),
      // @ts-expect-error: false is not allowed
      Parallel.forEach(inputs, work, { name: "run", journal: false }),
      // @ts-expect-error: a key is a string
      Parallel.forEach(inputs, work, { name: "run", journal: { key: (text) => text.length } }),
      // @ts-expect-error: different works
      Parallel.all([Effect.void], { name: "run", journal: true }),
      // @ts-expect-error: it changes types
      Parallel.withDefaults({ journal: true }),
      // @ts-expect-error: the values of this node are numbers
      Node.withSchema(Node.make("step", { exec: (text: string) => text.length }), Schema.String)
    ]
    // @ts-expect-error: options for any work have no journal
    const own: Parallel.Options<"empty"> = { journal: true }
    expectTypeOf([refused, own]).not.toBeNever()
  })

  it("is inferred for tasks by their own schemas", () => {
    const task = Task.make("task", {
      module: import.meta.url,
      payload: Schema.Int,
      success: Schema.Date,
      run: (n) => Effect.succeed(new Date(n))
    })
    expectTypeOf<Effect.Services<ReturnType<typeof task>>>().toEqualTypeOf<never>()
    const run = Parallel.forEach([1], task, { journal: true })
    expectTypeOf<Effect.Services<typeof run>>().toEqualTypeOf<Journal.Journal>()
    expectTypeOf<Effect.Success<typeof run>>().toEqualTypeOf<Array<Date>>()
  })
})
