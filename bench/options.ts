/**
 * The cost that an option adds to an input whose body is a resolved promise.
 *
 * Baselines: the same run without the option, and the equivalent with `Effect.forEach`: `Effect.timeout`,
 * `Effect.retry`, a `Semaphore`. For `maxErrors` the run without the option is `Parallel.run`, since both report.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { Limit, Parallel } from "../src/index.ts"
import type { Options } from "../src/run/types.ts"
import { type Case, extra, type Group, measure, ratio, small, type Topic } from "./measure.ts"
import { concurrency, over, promise } from "./work.ts"

type Attempt = Effect.Effect<number, unknown>
type Body = (input: number) => Attempt

const tried = new Set<number>()

/** Fails at the first attempt at each input, and forgets the input after the second. */
const flaky: Body = (input) =>
  Effect.flatMap(promise(input), (value) => {
    if (tried.delete(input)) return Effect.succeed(value)
    tried.add(input)
    return Effect.fail("down")
  })

const ours = (options: Options, body: Body = promise): Case =>
  over((inputs) => Parallel.forEach(inputs, body, { concurrency, ...options }))

const effect = (around: (attempt: Attempt) => Attempt, body: Body = promise): Case =>
  over((inputs) => Effect.forEach(inputs, (input) => around(body(input)), { concurrency }))

const reported = (options: Options): Case =>
  over((inputs) => Effect.map(Parallel.run(inputs, promise, { concurrency, ...options }), (report) => report.outcomes))

const without = { "ours": ours({}), "Effect.forEach": effect((attempt) => attempt) }

/** Makes the group of an option and its equivalent. */
const option = (
  name: string,
  options: Options,
  theirs: (attempt: Attempt) => Attempt,
  body: Body = promise
): Group => {
  const [mine, other] = [`ours, ${name}`, `Effect, ${name}`]
  return {
    name,
    metric: "time",
    cases: { ...without, [mine]: ours(options, body), [other]: effect(theirs, body) },
    sizes: [small],
    checks: [
      ratio(mine, other, small),
      ratio(mine, "ours", small),
      extra(mine, "ours", small),
      extra(other, "Effect.forEach", small)
    ]
  }
}

const limited = (permits: number): Group => {
  const semaphore = Semaphore.makeUnsafe(permits)
  return option(
    `limit of ${permits}`,
    { limit: Limit.concurrency(permits) },
    (attempt) => Semaphore.withPermits(semaphore, 1, attempt)
  )
}

const stragglers: Group = {
  name: "stragglers",
  metric: "time",
  cases: { "ours": ours({}), "ours, stragglers": ours({ stragglers: { after: "1 minute" } }) },
  sizes: [small],
  checks: [ratio("ours, stragglers", "ours", small), extra("ours, stragglers", "ours", small)]
}

const maxErrors: Group = {
  name: "maxErrors",
  metric: "time",
  cases: { "run": reported({}), "run, maxErrors": reported({ maxErrors: 10 }) },
  sizes: [small],
  checks: [ratio("run, maxErrors", "run", small), extra("run, maxErrors", "run", small)]
}

export const topic: Topic = {
  title: "options",
  url: import.meta.url,
  peers: ["effect"],
  rounds: 2,
  groups: [
    option("timeout", { timeout: "1 minute" }, Effect.timeout("1 minute")),
    option("retry", { retry: { times: 2 } }, Effect.retry({ times: 2 })),
    option("retry that is needed", { retry: { times: 2 } }, Effect.retry({ times: 2 }), flaky),
    limited(concurrency),
    limited(concurrency / 2),
    stragglers,
    maxErrors
  ]
}

if (import.meta.main) await measure(topic)
