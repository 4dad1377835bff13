// @effect-diagnostics missingEffectError:off
import { type Cause, type Duration, Effect, Schedule, Schema, type Stream } from "effect"
import { BatchNode, type Outcome, Parallel, Report } from "effect-parallel"
import { describe, expectTypeOf, it } from "vitest"

class Negative extends Schema.TaggedError<Negative>()("Negative", { n: Schema.Finite }) {}
class Busy extends Schema.TaggedError<Busy>()("Busy", { retryAfter: Schema.Finite }) {}

const work = (n: number): Effect.Effect<string, Negative> => Effect.fail(new Negative({ n }))
const never = (n: number): Effect.Effect<number> => Effect.succeed(n)
declare const cond: boolean
declare const elapsed: Duration.Duration

type Timeout = Cause.TimeoutError
type TooMany<E> = Outcome.TooManyErrors<number, string, E>

describe("options that may be present", () => {
  it("add their errors, in any member of a union", () => {
    expectTypeOf(Parallel.forEach([1], work, cond ? { timeout: "1 second" } : {}))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout>>()
    expectTypeOf(Parallel.forEach(work, cond ? { timeout: "1 second" } : {})([1]))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout>>()
    const either = {} as { readonly timeout: number } | { readonly maxErrors: number }
    expectTypeOf(Parallel.run([1], work, either)).toEqualTypeOf<
      Effect.Effect<Report.Report<number, string, Negative | Timeout>, TooMany<Negative | Timeout>>
    >()
    expectTypeOf(Parallel.partition([1], work, {} as typeof either | undefined)).toEqualTypeOf<
      Effect.Effect<
        [values: Array<string>, failures: Array<Outcome.Failure<number, Negative | Timeout>>],
        TooMany<Negative | Timeout>
      >
    >()
    expectTypeOf(Parallel.forEach([1], work, {} as { readonly timeout?: number }))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout>>()
    expectTypeOf(Parallel.forEach([1], work, { ...(cond && { timeout: 1 }) }))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout>>()
    expectTypeOf(Parallel.all([work(1)], cond ? { timeout: 1 } : { concurrency: 1 }))
      .toEqualTypeOf<Effect.Effect<[string], Negative | Timeout>>()
    expectTypeOf(Parallel.pairs([[work, 1]], cond ? { timeout: 1 } : { concurrency: 1 }))
      .toEqualTypeOf<Effect.Effect<[string], Negative | Timeout>>()
  })

  it("add their errors if their type is unknown", () => {
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
    const generic = <O extends Parallel.Options>(options: O) => Parallel.run([1], work, options)
    expectTypeOf(generic({})).toEqualTypeOf<
      Effect.Effect<Report.Report<number, string, Negative | Timeout>, TooMany<Negative | Timeout>>
    >()
    expectTypeOf(Parallel.forEach([1], work, {} as Partial<Parallel.Options<Negative>> & { readonly name: string }))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout>>()
    expectTypeOf(Parallel.stream([1], work, {} as Parallel.StreamOptions)).toEqualTypeOf<
      Stream.Stream<Outcome.Outcome<number, string, Negative | Timeout>, TooMany<Negative | Timeout>>
    >()
  })

  it("add nothing if they are certainly absent", () => {
    const timeout = undefined
    expectTypeOf(Parallel.run([1], work, { timeout, maxErrors: undefined }))
      .toEqualTypeOf<Effect.Effect<Report.Report<number, string, Negative>>>()
    expectTypeOf(Parallel.forEach([1], work, cond ? { concurrency: 3 } : {}))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative>>()
  })
})

describe("a function around a run", () => {
  it("that takes any options has every error that they may add", () => {
    const wrapped = <I, A, E, R>(
      inputs: Iterable<I>,
      work: Parallel.Work<I, A, E, R>,
      options?: Parallel.Options<E>
    ) => Parallel.forEach(inputs, work, options)
    expectTypeOf(wrapped([1], work)).toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout>>()
    expectTypeOf(wrapped([1], work, { timeout: 1, retry: { while: (error) => error._tag === "Negative" } }))
      .toEqualTypeOf<Effect.Effect<Array<string>, Negative | Timeout>>()
    // @ts-expect-error the predicate has to accept a timeout
    void wrapped([1], work, { retry: { while: (error: Negative) => error.n > 1 } })
    // @ts-expect-error the type does not include a timeout
    const tooLittle: Effect.Effect<Array<string>, Negative> = wrapped([1], work)
    void tooLittle
  })

  it("can be as exact as the run, with the types of the options that matter", () => {
    const wrapped = <I, A, E, R, T extends Duration.Input = never, M extends number = never>(
      inputs: Parallel.Inputs<I>,
      work: Parallel.Work<I, A, E, R>,
      options?: Parallel.Options<E, T, M>
    ) => Parallel.run(inputs, work, options)
    expectTypeOf(wrapped([1], work)).toEqualTypeOf<Effect.Effect<Report.Report<number, string, Negative>>>()
    expectTypeOf(wrapped([1], work, { timeout: 1, maxErrors: 3 })).toEqualTypeOf<
      Effect.Effect<Report.Report<number, string, Negative | Timeout>, TooMany<Negative | Timeout>>
    >()
  })

  it("can take options from its caller that include all errors", () => {
    const wrapped = <A, E, R>(work: Parallel.Work<number, A, E, R>, options?: Parallel.Options) =>
      Parallel.forEach([1, 2], work, { name: "wrapped", ...options })
    expectTypeOf(wrapped(never, { retry: { while: (error) => error !== "no" } }))
      .toEqualTypeOf<Effect.Effect<Array<number>, Timeout>>()
  })
})

describe("retry", () => {
  it("gets the errors of the work, and a timeout only if there is one", () => {
    void Parallel.forEach([1], work, {
      retry: {
        while: (error) => {
          expectTypeOf(error).toEqualTypeOf<Negative>()
          return true
        }
      },
      concurrency: 3
    })
    void Parallel.forEach([1], work, {
      retry: {
        while: (error) => {
          expectTypeOf(error).toEqualTypeOf<Negative | Timeout>()
          return true
        }
      },
      timeout: "1 second"
    })
    void Parallel.all([work(1), Effect.fail("no")], {
      retry: {
        while: (error) => {
          expectTypeOf(error).toEqualTypeOf<Negative | string>()
          return true
        }
      }
    })
    void Parallel.forEach([1], work, { retry: { while: (error: Negative) => error.n > 0 } })
    void Parallel.forEach([1], work, { retry: { while: () => Effect.succeed(true) }, timeout: 1 })
    void Parallel.forEach(work, { retry: { while: (error) => error.n > 0 } })
  })

  it("refuses a predicate for other errors", () => {
    // @ts-expect-error the work does not fail with Busy
    void Parallel.forEach([1], work, { retry: { while: (error: Busy) => error.retryAfter < 9 } })
    // @ts-expect-error the work may also time out
    void Parallel.forEach([1], work, { timeout: 1, retry: { while: (error: Negative) => error.n > 0 } })
    // @ts-expect-error the work does not fail with Busy
    void Parallel.forEach(work, { retry: { while: (error: Busy) => error.retryAfter < 9 } })
    // @ts-expect-error one of them fails with a string
    void Parallel.all([work(1), Effect.fail("no")], { retry: { while: (error: Negative) => error.n > 0 } })
  })

  it("refuses a schedule for other errors", () => {
    const ofBusy = Schedule.spaced(10).pipe(Schedule.setInputType<Busy>())
    const ofNegative = Schedule.spaced(10).pipe(Schedule.setInputType<Negative>())
    void Parallel.forEach([1], work, { retry: Schedule.recurs(2) })
    void Parallel.forEach([1], work, { retry: ofNegative })
    void Parallel.forEach([1], work, { retry: { schedule: ofNegative, times: 3 } })
    void Parallel.forEach([1], work, { retry: { schedule: Schedule.exponential(10) }, timeout: 1 })
    // @ts-expect-error the work does not fail with Busy
    void Parallel.forEach([1], work, { retry: ofBusy })
    // @ts-expect-error the work does not fail with Busy
    void Parallel.forEach([1], work, { retry: { schedule: ofBusy } })
    // @ts-expect-error the work may also time out
    void Parallel.forEach([1], work, { retry: ofNegative, timeout: 1 })
    // @ts-expect-error a default gets every error
    void Parallel.withDefaults({ retry: ofNegative })
  })
})

describe("all", () => {
  it("takes a tuple, array or record of effects, not a single effect", () => {
    // @ts-expect-error one effect is not a collection of effects
    void Parallel.all(Effect.succeed(1))
    // @ts-expect-error a number is not an effect
    void Parallel.all([1])
    // @ts-expect-error no such option
    void Parallel.all([Effect.succeed(1)], { concurency: 1 })
  })
})

describe("inputs", () => {
  it("cannot be an effect, although an effect can be iterated", () => {
    // @ts-expect-error an effect of inputs has to be run first
    void Parallel.forEach(Effect.succeed([1]), never)
    // @ts-expect-error an effect of inputs has to be run first
    void Parallel.forEach(Effect.succeed([1]), () => Effect.void)
    // @ts-expect-error an effect of inputs has to be run first
    void Parallel.forEach(() => Effect.void)(Effect.succeed([1]))
    expectTypeOf(Parallel.forEach("abc", (letter) => Effect.succeed(letter)))
      .toEqualTypeOf<Effect.Effect<Array<string>>>()
  })
})

describe("show", () => {
  it("gets an input of the run, or of a batch", () => {
    const show = (n: number) => `number ${n}`
    void Parallel.run([1], work, { show: (n) => n.toFixed(1) })
    void Parallel.run(work, { show: (n) => n.toFixed(1) })([1])
    void Parallel.stream([1], work, { show: (n) => n.toFixed(1), order: "completion" })
    void Parallel.validate([1], work, { show, timeout: 1 })
    void Parallel.pairs([[work, 1]], { show: ([, n]) => n.toFixed(1) })
    void BatchNode.make("batch", {
      prep: (numbers: ReadonlyArray<number>) => numbers,
      exec: (n) => n,
      show: (n) => n.toFixed(1),
      concurrency: 1
    })
    void Report.make({ name: "own", outcomes: [] as ReadonlyArray<Outcome.Outcome<number, string>>, elapsed, show })
    // @ts-expect-error the inputs are numbers
    void Parallel.run([1], work, { show: (text: string) => text })
    // @ts-expect-error it does not return a string
    void Parallel.run([1], work, { show: (n) => n })
  })

  it("gets any value if it is set for all runs inside", () => {
    void Parallel.withDefaults({ show: (input) => typeof input })
    // @ts-expect-error the runs inside may have any inputs
    void Parallel.withDefaults({ show: (n: number) => n.toFixed(1) })
  })

  it("changes no type", () => {
    expectTypeOf(Parallel.run([1], work, { show: String }))
      .toEqualTypeOf<Effect.Effect<Report.Report<number, string, Negative>>>()
    expectTypeOf<Report.Report<1, string>>().toExtend<Report.Report<number, string>>()
  })
})
