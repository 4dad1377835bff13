import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schedule, Schema } from "effect"
import { BatchNode, Flow, Limit, Node, Outcome, Parallel, Progress, Report } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, Probe, range, Refused } from "../helpers.ts"

const refuse = (n: number) => Effect.fail(new Refused({ n }))

/** Returns the items 0, 1, … up to, and not including, `n`. */
const items = (n: number) => range(n)

const errorOf = <A, E>(exit: Exit.Exit<A, E>): E => Option.getOrThrow(Exit.findErrorOption(exit))
const valueOf = <A, E>(exit: Exit.Exit<Node.Out<string, A>, E>): A => Option.getOrThrow(Exit.getSuccess(exit)).value

describe("BatchNode", () => {
  describe("retry and fallback", () => {
    const failing = (calls: Array<number>) => ({
      prep: items,
      exec: (n: number) => Effect.suspend(() => (calls.push(n), Effect.delay(refuse(n), "5 millis"))),
      retry: { times: 2, schedule: Schedule.spaced("10 millis") },
      concurrency: "unbounded" as const
    })

    it.effect("each of four items that always fail is tried three times, and the batch fails", () =>
      Effect.gen(function*() {
        const calls: Array<number> = []
        const exit = yield* drive(Flow.run(BatchNode.make("batch", failing(calls)), 4))

        assert.instanceOf(errorOf(exit), Refused)
        assert.deepStrictEqual(calls.toSorted((a, b) => a - b), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
      }))

    it.effect("their fallback is called once for each, with its item, its cause and its location", () =>
      Effect.gen(function*() {
        const calls: Array<number> = []
        const seen: Array<unknown> = []
        const batch = BatchNode.make("batch", {
          ...failing(calls),
          fallback: (n, cause) => {
            seen[n] = [
              seen[n],
              Option.getOrThrow(Cause.findErrorOption(cause)).n,
              Option.getOrThrow(Node.location(cause))
            ]
            return n % 2 === 0 ? `none for ${n}` : Effect.delay(Effect.succeed("late"), "1 second")
          }
        })

        const exit = yield* drive(Flow.run(batch, 4))

        assert.deepStrictEqual(valueOf(exit), ["none for 0", "late", "none for 2", "late"])
        assert.strictEqual(calls.length, 12)
        assert.deepStrictEqual(
          seen,
          range(4).map((index) => [undefined, index, { path: `batch[${index}]`, node: "batch", index, attempt: 3 }])
        )
      }))

    it.effect("an item that a fallback replaces after its limit died is not counted as recalled", () =>
      Effect.gen(function*() {
        const watched: Array<Progress.Run> = []
        const progress: Progress.Progress = {
          watch: (run, self) => {
            watched.push(run)
            return self
          }
        }
        const batch = BatchNode.make("batch", {
          prep: items,
          exec: (n: number): Effect.Effect<number, string> => Effect.succeed(n),
          concurrency: 2,
          limit: Limit.make({ name: "dies", around: () => Effect.die("limit") }),
          fallback: (n) => n,
          collect: "run"
        })

        const exit = yield* drive(Effect.provideService(Flow.run(batch, 4), Progress.Progress, progress))

        const tally = Report.tally(valueOf(exit))
        assert.deepStrictEqual([tally.succeeded, tally.recalled, tally.attempts], [4, 0, 4])
        assert.deepStrictEqual(watched.map((run) => run.counts().recalled), [0])
      }))

    it.effect("TooManyErrors of another run, inside `watch`, is passed on unchanged", () =>
      Effect.gen(function*() {
        const other = yield* Effect.flip(Parallel.run([1], refuse, { maxErrors: 1 }))
        for (const maxErrors of [undefined, 3]) {
          const batch = BatchNode.make("batch", {
            prep: items,
            exec: (n: number) => Effect.succeed(n),
            concurrency: 1,
            maxErrors,
            watch: () => Effect.fail(other),
            collect: "partition"
          })

          assert.strictEqual(errorOf(yield* drive(Flow.run(batch, 4))), other)
        }
      }))

    it.effect("a fallback that fails is the failure of its item", () =>
      Effect.gen(function*() {
        const batch = BatchNode.make("batch", {
          prep: items,
          exec: refuse,
          fallback: (n) => n === 1 ? Effect.fail("no fallback") : n,
          collect: "partition",
          concurrency: 2
        })
        const [values, failures] = valueOf(yield* drive(Flow.run(batch, 3)))

        assert.deepStrictEqual(values, [0, 2])
        assert.deepStrictEqual(failures.map(({ index }) => index), [1])
        assert.strictEqual(Option.getOrThrow(Outcome.error(failures[0]!)), "no fallback")
      }))

    it.effect.prop(
      "five items that fail once each succeed with two calls each, for any wait and delay",
      [Schema.Struct({
        wait: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
        delays: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))).check(
          Schema.isMinLength(5),
          Schema.isMaxLength(5)
        ),
        concurrency: Schema.Literals([1, 2, 5, "unbounded"])
      })],
      Effect.fnUntraced(function*([{ concurrency, delays, wait }]) {
        const calls = delays.map(() => 0)
        const batch = BatchNode.make("batch", {
          prep: () => delays,
          exec: (delay, index) =>
            Effect.suspend(() => calls[index]!++ === 0 ? refuse(index) : Effect.succeed(index)).pipe(
              Effect.delay(delay)
            ),
          retry: { times: 2, schedule: Schedule.spaced(wait) },
          concurrency
        })

        const exit = yield* drive(Flow.run(batch, undefined))

        assert.deepStrictEqual(valueOf(exit), range(5))
        assert.deepStrictEqual(calls, [2, 2, 2, 2, 2])
      }),
      { arbitrary: { runs: 200 }, timeout: 60_000 }
    )

    it.effect.prop(
      "each item has its value, or its fallback after all its attempts, within the limits of the batch",
      [Schema.Struct({
        failures: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))).check(
          Schema.isMaxLength(12)
        ),
        delay: Schema.Literals([0, 3]),
        times: Schema.Literals([0, 1, 3]),
        wait: Schema.Literals([0, 7]),
        concurrency: Schema.Literals([1, 2, 5]),
        limit: Schema.Literals([1, 9]),
        timeout: Schema.Literals([2, 1000]),
        watched: Schema.Boolean
      })],
      Effect.fnUntraced(function*([{ concurrency, delay, failures, limit, timeout, times, wait, watched }]) {
        const probe = new Probe()
        const calls = failures.map(() => 0)
        const seen: Array<number> = []
        const fails = (index: number) => calls[index]! <= failures[index]! || delay > timeout
        const batch = BatchNode.make("batch", {
          prep: () => failures,
          exec: (_, index) =>
            probe.watch(
              index,
              Effect.suspend(() => {
                calls[index]!++
                const attempt = fails(index) ? refuse(index) : Effect.succeed(index)
                return delay === 0 ? attempt : Effect.delay(attempt, delay)
              })
            ),
          retry: { times, schedule: Schedule.spaced(wait) },
          fallback: (_, cause) => Option.getOrThrow(Node.location(cause)).attempt * -1,
          limit: Limit.concurrency(limit),
          timeout,
          concurrency,
          watch: watched ? ({ index }) => seen.push(index) : undefined
        })

        const exit = yield* drive(Flow.run(batch, undefined))

        const attempts = failures.map((failed) => delay > timeout ? times + 1 : Math.min(failed, times) + 1)
        assert.deepStrictEqual(
          valueOf(exit),
          failures.map((failed, index) => delay > timeout || failed > times ? -(times + 1) : index)
        )
        assert.deepStrictEqual(calls, attempts)
        assert.isAtMost(probe.most, Math.min(concurrency, limit))
        assert.strictEqual(probe.running, 0)
        assert.deepStrictEqual(seen.toSorted((a, b) => a - b), watched ? range(failures.length) : [])
      }),
      { arbitrary: { runs: 300 }, timeout: 60_000 }
    )

    it.effect("an item that waits for its retry gives its slot to another", () =>
      Effect.gen(function*() {
        const order: Array<number> = []
        const batch = BatchNode.make("batch", {
          prep: items,
          exec: (n) => Effect.suspend(() => order.push(n) === 1 ? refuse(n) : Effect.succeed(n)),
          retry: { times: 1, schedule: Schedule.spaced("1 minute") },
          concurrency: 1
        })
        yield* drive(Flow.run(batch, 3))

        assert.deepStrictEqual(order, [0, 1, 2, 0])
      }))
  })

  describe("failure", () => {
    it.effect("the first failure interrupts the others and waits for their finalizers", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const batch = BatchNode.make("batch", {
          prep: () => [20, 10, 30],
          exec: (millis, index) =>
            Effect.sleep(millis).pipe(
              Effect.andThen(index === 1 ? refuse(index) : Effect.sync(() => log.push(`done ${index}`))),
              Effect.onInterrupt(() => Effect.sync(() => log.push(`stopped ${index}`)).pipe(Effect.delay(5)))
            ),
          concurrency: 3
        })
        const fiber = yield* Effect.forkChild(Flow.run(batch, undefined))
        yield* TestClock.adjust(14)
        const early = fiber.pollUnsafe()
        yield* TestClock.adjust(1)
        const exit = fiber.pollUnsafe()!
        const logged = [...log]
        yield* TestClock.adjust(100)

        assert.strictEqual(early, undefined)
        assert.deepStrictEqual(errorOf(exit), new Refused({ n: 1 }))
        assert.deepStrictEqual(logged.toSorted(), ["stopped 0", "stopped 2"])
        assert.deepStrictEqual(log, logged)
      }))

    it.effect("names node, path, item and attempt", () =>
      Effect.gen(function*() {
        const batch = BatchNode.make("pages", {
          prep: items,
          exec: (n) => n === 2 ? Effect.delay(refuse(n), 10) : Effect.never,
          retry: { times: 3 },
          concurrency: 5
        })
        const exit = yield* drive(Flow.run(Flow.chain("site", batch), 5))

        assert.isTrue(Exit.isFailure(exit))
        const { cause } = exit as Exit.Failure<unknown, unknown>
        assert.deepStrictEqual(
          Node.location(cause),
          Option.some({
            path: "site/pages[2]",
            node: "pages",
            index: 2,
            attempt: 4
          })
        )
        assert.include(Cause.pretty(cause), "at site/pages[2] (attempt 4)")
      }))
  })

  describe("collect", () => {
    const odd = { prep: items, exec: (n: number) => n % 2 === 0 ? Effect.succeed(n * 10) : refuse(n), concurrency: 2 }

    it.effect("forEach gives the values to a post that runs once, in input order even if a later item ends first", () =>
      Effect.gen(function*() {
        let posts = 0
        const batch = BatchNode.make("batch", {
          prep: () => [30, 10, 20],
          exec: (millis, index) => Effect.as(Effect.sleep(millis), `#${index}`),
          post: (_, results) => {
            posts++
            return Node.out("joined", results)
          },
          concurrency: 3
        })

        assert.deepStrictEqual(
          yield* drive(Flow.run(batch, undefined)),
          Exit.succeed(Node.out("joined", ["#0", "#1", "#2"]))
        )
        assert.strictEqual(posts, 1)
      }))

    it.effect("partition gives both sides", () =>
      Effect.gen(function*() {
        const batch = BatchNode.make("batch", {
          ...odd,
          collect: "partition",
          post: (_, [values, failures]) => Node.out("sides", { values, failed: failures.map(({ input }) => input) })
        })

        assert.deepStrictEqual(yield* Flow.run(batch, 3), Node.out("sides", { values: [0, 20], failed: [1] }))
      }))

    it.effect("validate gives all failures together", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Flow.run(BatchNode.make("batch", { ...odd, collect: "validate" }), 4))

        assert.instanceOf(error, Outcome.FailedExamples)
        assert.deepStrictEqual(error.failures.map(({ input }) => input), [1, 3])
        assert.deepStrictEqual(error.report.values, [0, 20])
        assert.deepStrictEqual(
          error.failures.map(({ cause }) => Option.getOrThrow(Node.location(cause)).path),
          ["batch[1]", "batch[3]"]
        )
      }))

    it.effect("run gives the report, and maxErrors ends it early", () =>
      Effect.gen(function*() {
        const { value } = yield* Flow.run(BatchNode.make("batch", { ...odd, collect: "run" }), 4)
        const error = yield* Effect.flip(
          Flow.run(BatchNode.make("batch", { ...odd, collect: "run", maxErrors: 2, concurrency: 1 }), 9)
        )

        assert.strictEqual(value.name, "batch")
        assert.deepStrictEqual(Report.tally(value), {
          recalled: 0,
          total: 4,
          succeeded: 2,
          failed: 2,
          retried: 0,
          attempts: 4
        })
        assert.strictEqual(error.report.outcomes.length, 4)
      }))

    it.effect("race gives the first success and interrupts the others", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const batch = BatchNode.make("batch", {
          prep: () => [30, 10, 20, 40],
          exec: (millis, index) =>
            probe.watch(index, Effect.delay(index === 1 ? refuse(index) : Effect.succeed(millis), millis)),
          collect: "race",
          concurrency: 4
        })
        const fiber = yield* Effect.forkChild(Flow.run(batch, undefined))
        yield* TestClock.adjust(20)

        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(Node.out("default", 20)))
        assert.deepStrictEqual(probe.interrupted.toSorted((a, b) => a - b), [0, 3])
      }))

    it.effect("a race without a winner fails with all failures, and a race over no items is a defect", () =>
      Effect.gen(function*() {
        const batch = BatchNode.make("batch", { prep: items, exec: refuse, collect: "race", concurrency: 2 })
        const error = yield* Effect.flip(Flow.run(batch, 3))

        assert.deepStrictEqual(error.failures.map(({ index }) => index), [0, 1, 2])
        assert.isTrue(Exit.hasDies(yield* Effect.exit(Flow.run(batch, 0))))
      }))
  })
})
