/** Works that return, throw or fail with any value. Each fails only its own input, with any options. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schedule, Scheduler, Stream } from "effect"
import { Limit, type Outcome, Parallel } from "effect-parallel"
import { drive, range } from "../../helpers.ts"

type Work = () => Effect.Effect<number, unknown>

const thrown = (value: unknown) => (): never => {
  throw value
}
const returned = (value: unknown): Work => () => value as Effect.Effect<number>
const then = ["th", "en"].join("")
const thenable = (then: () => unknown): object => ({ [["th", "en"].join("")]: then })
/** An object with a property that throws when it is read. */
const thrower = (key: PropertyKey): object => Object.defineProperty({}, key, { get: thrown(new Error("getter")) })
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
/** A proxy that refuses every operation. */
const refusing = new Proxy({}, new Proxy({}, { get: thrown(new Error("proxy")) }))
/** A generator for `Effect.gen` that yields a value without `yield*`. */
const yields = (value: unknown) =>
  function*() {
    yield value as never
    return 1
  }
const exit = (fields: object): object => ({ "~effect/Exit": "~effect/Exit", ...fields })
const effectAndExit = (fields: object): object => ({ "~effect/Effect": {}, ...exit(fields) })

const works: Readonly<Record<string, Work>> = {
  "returns nothing": returned(undefined),
  "returns null": returned(null),
  "returns a number": returned(5),
  "returns a symbol": returned(Symbol("s")),
  "returns a function": returned(() => Effect.void),
  "returns a promise": returned(Promise.resolve(1)),
  "returns a promise that rejects": () => {
    const promise = Promise.reject(new Error("no"))
    promise.catch(() => {})
    return promise as never
  },
  "returns a thenable that throws": returned(thenable(thrown(new Error("then")))),
  "returns an object whose `then` throws": returned(thrower(then)),
  "returns half an exit": returned({ "~effect/Exit": true }),
  "returns an exit without a tag": returned(exit({})),
  "returns an exit with another tag": returned(exit({ _tag: "Maybe" })),
  "returns a failure without a cause": returned(exit({ _tag: "Failure" })),
  "returns a failure with half a cause": returned(exit({ _tag: "Failure", cause: {} })),
  "returns an effect and exit without a tag": returned(effectAndExit({})),
  "returns an effect and failure without a cause": returned(effectAndExit({ _tag: "Failure" })),
  "returns an effect and failure with half a cause": returned(
    effectAndExit({ _tag: "Failure", cause: { reasons: 1 } })
  ),
  "returns an effect that is none": returned({ "~effect/Effect": true }),
  "returns an object that is an exit when it is not asked": returned(thrower("~effect/Exit")),
  "returns an object that is an effect when it is not asked": returned(thrower("~effect/Effect")),
  "returns a revoked proxy": () => revoked() as never,
  "returns a proxy that refuses everything": returned(refusing),
  "throws nothing": thrown(undefined),
  "throws null": thrown(null),
  "throws a word": thrown("word"),
  "throws a symbol": thrown(Symbol("s")),
  "throws an error": thrown(new Error("error")),
  "throws a frozen error": thrown(Object.freeze(new Error("frozen"))),
  "throws an effect": thrown(Effect.void),
  "throws an exit": thrown(Exit.succeed(1)),
  "throws an error whose message throws": thrown(Object.assign(thrower("message"), { name: "Error" })),
  "throws while it runs": () => Effect.sync(thrown(new Error("sync"))),
  "throws nothing while it runs": () => Effect.sync(thrown(undefined)),
  "throws where it is suspended": () => Effect.suspend(thrown("suspended")),
  "suspends to nothing": () => Effect.suspend(() => undefined as never),
  "goes on to nothing": () => Effect.flatMap(Effect.void, () => undefined as never),
  "goes on to a promise": () => Effect.flatMap(Effect.yieldNow, () => Promise.resolve() as never),
  "goes on to half an exit": () => Effect.flatMap(Effect.yieldNow, () => exit({}) as never),
  "yields what is no effect": () => Effect.gen(yields(5)),
  "yields nothing": () => Effect.gen(yields(undefined)),
  "fails with nothing": () => Effect.fail(undefined),
  "fails with null, later": () => Effect.andThen(Effect.yieldNow, Effect.fail(null)),
  "fails with a proxy that refuses everything": () => Effect.fail(refusing),
  "fails with an object whose message throws": () => Effect.fail(thrower("message")),
  "fails without a reason": () => Effect.failCause(Cause.empty),
  "fails without a reason, later": () => Effect.andThen(Effect.yieldNow, Effect.failCause(Cause.empty)),
  "dies of nothing": () => Effect.die(undefined),
  "dies of a symbol, later": () => Effect.andThen(Effect.yieldNow, Effect.die(Symbol("s"))),
  "is interrupted at once": () => Effect.interrupt,
  "is interrupted later": () => Effect.andThen(Effect.yieldNow, Effect.interrupt),
  "interrupts its fiber": () =>
    Effect.withFiber<never>((fiber) => {
      fiber.interruptUnsafe()
      return Effect.never
    }),
  "interrupts its fiber later": () =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.withFiber<never>((fiber) => {
        fiber.interruptUnsafe()
        return Effect.never
      })
    ),
  "waits for a promise that rejects with nothing": () =>
    Effect.promise(() => new Promise<number>((_, reject: (error?: unknown) => void) => reject())),
  "waits for a promise that it does not make": () => Effect.promise(thrown(new Error("promise"))),
  "waits for a thenable that throws": () => Effect.promise(() => thenable(thrown(new Error("then"))) as never),
  "waits for what is no promise": () => Effect.promise(() => undefined as never),
  "waits for a callback that throws": () => Effect.callback<number>(thrown(new Error("callback"))),
  "waits for a callback that resumes with nothing": () =>
    Effect.callback<number>((resume) => resume(undefined as never)),
  "waits for a callback that resumes twice, badly": () =>
    Effect.callback<number>((resume) => {
      resume(Effect.die("first"))
      resume(Effect.succeed(2))
    }),
  "dies in a finalizer": () => Effect.ensuring(Effect.fail("no"), Effect.die("finalizer")),
  "dies in the finalizer of a success": () => Effect.ensuring(Effect.succeed(1), Effect.die("finalizer")),
  "forks a child that gives nothing, and fails": () =>
    Effect.andThen(Effect.forkChild(Effect.suspend((): Effect.Effect<void> => undefined as never)), Effect.fail("no")),
  "interrupts the fiber of a child it forks": () =>
    Effect.flatMap(Effect.forkChild(Effect.never), (fiber) => {
      fiber.interruptUnsafe()
      return Effect.fail("no")
    })
}

const options: Readonly<Record<string, () => Parallel.Options>> = {
  "no options": () => ({}),
  "one lane": () => ({ concurrency: 1 }),
  "retries": () => ({ retry: { times: 2 } }),
  "retries later": () => ({ retry: { times: 1, schedule: Schedule.spaced(3) }, concurrency: 2 }),
  "a timeout": () => ({ timeout: 50 }),
  "a limit": () => ({ limit: Limit.concurrency(2) }),
  "an adaptive limit": () => ({ limit: Limit.adaptive({ max: 3, overload: () => true }) }),
  "stragglers": () => ({ stragglers: { after: 2 } }),
  "spans": () => ({ spans: true }),
  "everything": () => ({
    retry: { times: 1 },
    timeout: 50,
    limit: [Limit.concurrency(2), Limit.rate({ limit: 100, window: 10 })],
    stragglers: { after: 2 },
    spans: true
  })
}

/** The effect of a work, for functions that take effects instead of works. */
const madeBy = (work: Work): Effect.Effect<number, unknown> => {
  try {
    return work()
  } catch (defect) {
    return Effect.die(defect)
  }
}

const bad = 5
const good = range(12).filter((n) => n !== bad)

describe("a work", () => {
  for (const [name, work] of Object.entries(works)) {
    it.effect(`fails only its input: ${name}`, () =>
      Effect.gen(function*() {
        const ready = madeBy(work)
        for (const [which, make] of Object.entries(options)) {
          const body = (n: number): Effect.Effect<number, unknown> =>
            n === bad ? work() : Effect.as(Effect.sleep(n % 3), n)
          const runs: Readonly<Record<string, Effect.Effect<ReadonlyArray<Outcome.Outcome<number, number, unknown>>>>> =
            {
              run: Effect.map(Effect.orDie(Parallel.run(range(12), body, make())), (report) => report.outcomes),
              "in order": Effect.orDie(Stream.runCollect(Parallel.stream(range(12), body, make()))),
              "by completion": Effect.orDie(
                Stream.runCollect(Parallel.stream(new Set(range(12)), body, { ...make(), order: "completion" }))
              )
            }
          for (const [mode, run] of Object.entries(runs)) {
            for (const budget of [2048, 4]) {
              const exit = yield* drive(
                Effect.provideService(run, Scheduler.MaxOpsBeforeYield, budget),
                "1 millis",
                3000
              )
              const where = `${mode}, ${which}, ${budget}`
              const outcomes = Exit.isSuccess(exit) ? exit.value : assert.fail(`${where}: ${Cause.pretty(exit.cause)}`)
              const succeeded = outcomes.filter((outcome) => outcome._tag === "Success").map(({ index }) => index)
              const failed = outcomes.filter((outcome) => outcome._tag === "Failure")

              assert.deepStrictEqual(succeeded.toSorted((a, b) => a - b), good, where)
              assert.deepStrictEqual(failed.map(({ index }) => index), [bad], where)
              assert.isTrue(failed.every(({ cause }) => Cause.isCause(cause)), where)
            }
          }
          for (
            const run of [
              Parallel.forEach(range(12), body, make()),
              Parallel.all(range(12).map((n) => n === bad ? ready : body(n)), make()),
              Parallel.pairs(range(12).map((n) => [body, n] as const), make())
            ]
          ) {
            const exit = yield* drive(run, "1 millis", 3000)

            assert.isTrue(Exit.isFailure(exit) && Cause.isCause(exit.cause), which)
          }
        }
      }))
  }
})
