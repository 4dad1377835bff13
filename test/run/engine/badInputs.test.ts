import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Logger } from "effect"
import { Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, range, turn } from "../../helpers.ts"

/** An iterator that returns any given result. */
const giving = (...results: ReadonlyArray<unknown>) => {
  let next = 0
  return { next: () => results[Math.min(next++, results.length - 1)] } as Iterator<number>
}

const lazily = {
  get value(): number {
    throw new Error("value")
  },
  done: false
}

const thenable = (then: (settled: (result: unknown) => unknown) => void): object => ({ [["th", "en"].join("")]: then })

describe("engine", () => {
  describe("inputs of a run", () => {
    describe("that break the protocol", () => {
      let lengths = 0
      /** An object with a property that throws when it is read. */
      const thrower = (key: string): any =>
        Object.defineProperty({}, key, {
          get: () => {
            throw new Error(`no ${key}`)
          }
        })
      /** An array that is revoked as soon as the run has begun. */
      const revoked = () => {
        const { proxy, revoke } = Proxy.revocable([1, 2, 3], {
          get: (array, key, self) => {
            if (key === "0") queueMicrotask(revoke)
            return Reflect.get(array, key, self)
          }
        })
        return proxy
      }
      const all: Readonly<Record<string, Parallel.Inputs<number>>> = {
        "an iterator that is no object": { [Symbol.iterator]: () => undefined as never },
        "a result that is no object": { [Symbol.iterator]: () => giving(undefined) },
        "a number for a result": { [Symbol.iterator]: () => giving(1) },
        "a value that throws": { [Symbol.iterator]: () => giving(lazily) },
        "an array whose element throws": Object.defineProperty([1], 0, { get: () => lazily.value }),
        "an async iterator that is no object": { [Symbol.asyncIterator]: () => 1 as never },
        "an async iterator without `next`": { [Symbol.asyncIterator]: () => ({}) as never },
        "an async result that is no object": { [Symbol.asyncIterator]: () => giving(undefined) as never },
        "a number for an async result": { [Symbol.asyncIterator]: () => giving(Promise.resolve(1)) as never },
        "an async value that throws": { [Symbol.asyncIterator]: () => giving(Promise.resolve(lazily)) as never },
        "an async result whose `then` throws": { [Symbol.asyncIterator]: () => giving(thrower("then")) as never },
        "a result whose `done` throws": { [Symbol.iterator]: () => giving(thrower("done")) as never },
        "an async result whose `done` throws": {
          [Symbol.asyncIterator]: () => giving(Promise.resolve(thrower("done"))) as never
        },
        "an iterator whose `next` throws when it is read": { [Symbol.iterator]: () => thrower("next") as never },
        "an async iterator whose `next` throws when it is read": {
          [Symbol.asyncIterator]: () => thrower("next") as never
        },
        "an array whose length throws": new Proxy([1, 2], {
          get: (array, key, self) => key === "length" ? thrower("length").length : Reflect.get(array, key, self)
        }),
        "an array whose length throws later": new Proxy([1, 2, 3], {
          get: (array, key, self) =>
            key === "length" && lengths++ > 3 ? thrower("length").length : Reflect.get(array, key, self)
        }),
        "a proxy that was revoked": revoked()
      }
      for (const [name, inputs] of Object.entries(all)) {
        it.effect(`are a defect of the run: ${name}`, () =>
          Effect.gen(function*() {
            const exit = yield* drive(Parallel.run(inputs, () => Effect.yieldNow, { concurrency: 1 }), "1 millis", 20)

            assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Error)
            assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.length === 1 && Cause.hasDies(exit.cause))
          }))
      }
    })

    it.effect("whose promises call back twice run once each", () =>
      Effect.gen(function*() {
        let next = 0
        const pull = () => {
          const result = { done: next === 9, value: next++ }
          const promise = Promise.resolve(result)
          const then = (settled: (result: unknown) => unknown) => {
            settled(result)
            settled(result)
          }
          return Object.assign(promise, thenable(then))
        }
        const inputs = { [Symbol.asyncIterator]: () => ({ next: pull }) }
        const exit = yield* drive(Parallel.forEach(inputs, (n) => Effect.succeed(n)), "1 millis")

        assert.deepStrictEqual(exit, Exit.succeed(range(9)))
      }))

    describe("that do not close", () => {
      const never = new Promise<never>(() => {})
      const numbers = (close: () => unknown): AsyncIterable<number> => {
        let next = 0
        return {
          [Symbol.asyncIterator]: () => ({
            next: () => Promise.resolve({ done: false, value: next++ }),
            return: close as () => Promise<IteratorResult<number>>
          })
        }
      }
      const closes: Readonly<Record<string, readonly [close: () => unknown, warning: RegExp | undefined]>> = {
        "never": [() => never, /`return\(\)` of their async iterator is still pending after 1s/],
        "by a thenable that calls nobody": [() => thenable(() => {}), /is still pending/],
        "and say so": [() => Promise.reject(new Error("not now")), /not now/],
        "and throw": [() => {
          throw new Error("not ever")
        }, /not ever/],
        "by a thenable that throws": [
          () =>
            thenable(() => {
              throw new Error("not then")
            }),
          /not then/
        ],
        "until some turns later": [
          async () => {
            for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
          },
          undefined
        ],
        "and give nothing": [() => undefined, undefined]
      }
      for (const [name, [close, warning]] of Object.entries(closes)) {
        for (const how of ["fails", "is interrupted"] as const) {
          it.effect(`${name} do not delay a run that ${how}`, () =>
            Effect.gen(function*() {
              const warnings: Array<string> = []
              const logger = Logger.make(({ cause, logLevel, message }) => {
                if (logLevel === "Warn") warnings.push(`${String(message)} ${Cause.pretty(cause)}`)
              })
              const work = (n: number) =>
                how === "fails" && n === 3 ? Effect.fail("no") : n < 9 ? Effect.void : Effect.never
              const run = Parallel.forEach(numbers(close), work, { concurrency: 2 })
              const fiber = yield* Effect.forkChild(Effect.provide(run, Logger.layer([logger])))
              for (let i = 0; i < 9; i++) yield* turn
              if (how === "is interrupted") fiber.interruptUnsafe()
              for (let i = 0; i < 9; i++) yield* turn
              const early = fiber.pollUnsafe()
              yield* TestClock.adjust("1 second")
              // a computer that stalls uses up turns of the event loop
              for (let i = 0; i < 50; i++) yield* turn
              const exit = fiber.pollUnsafe()

              assert.isTrue(exit !== undefined && Exit.isFailure(exit))
              assert.strictEqual(early === undefined, warning !== undefined && /pending/.test(warning.source))
              if (how === "fails") assert.deepStrictEqual(exit, Exit.fail("no"))
              if (warning === undefined) assert.deepStrictEqual(warnings, [])
              else assert.match(warnings.join(), warning)
              assert.isAtMost(warnings.length, 1)
            }))
        }
      }
    })
  })
})
