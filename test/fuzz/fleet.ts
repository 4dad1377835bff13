/**
 * Random schedules of machine failures, on a network in memory and the test clock, against a sequential model: what
 * each input results in by itself, and what may prevent that.
 */
import { Backend, type Outcome, Parallel, Task } from "effect-parallel"
import * as Transport from "effect-parallel/backend/Transport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import { insist } from "./judge.ts"
import { Random } from "./random.ts"

/** An event of a machine, at a time in milliseconds. */
interface Happening {
  readonly at: number
  readonly what: "start" | "stop" | "kill" | "kill silently" | "freeze" | "thaw" | "part" | "heal"
  readonly machine: string
}

/** The action of an input: it takes some milliseconds, then succeeds, fails, or kills its machine. */
interface Act {
  readonly millis: number
  readonly end: "succeed" | "fail" | "die" | "kill"
}

interface Schedule {
  readonly machines: ReadonlyArray<string>
  readonly slots: number
  /** Shortest and longest latency of a message, in milliseconds. */
  readonly latency: readonly [number, number]
  readonly tells: boolean
  /** Shares of the messages that are lost and that arrive twice. */
  readonly noise: readonly [lost: number, twice: number]
  /** Times from and until which no machine receives messages of the program. */
  readonly muted: readonly [from: number, until: number]
  readonly acts: ReadonlyArray<Act>
  readonly options: { readonly concurrency?: number; readonly batchSize?: number; readonly timeout?: number }
  readonly happenings: ReadonlyArray<Happening>
  /** Time at which the run is interrupted, if it is. */
  readonly interruptedAt: number | undefined
}

const lease = 3000
const patience = 20_000
const maxLosses = 3

/** Time in milliseconds by which every run must have ended. */
const ceiling = 30 * 60_000

const names = ["a", "b", "c", "d"]

/** Draws a schedule. Most schedules end with a machine to which nothing happens. */
const draw = (seed: number): Schedule => {
  const random = new Random(seed)
  const most = random.pick([3000, 10_000])
  const timeout = random.maybe(0.2, [700])
  const interruptedAt = random.chance(0.2) ? random.below(most) : undefined
  const acts = random.list(1 + random.below(16), (): Act => {
    // long inputs reveal work that continues although it is not wanted any more
    const isEndless = interruptedAt !== undefined && random.chance(0.3)
    const millis = isEndless ? 100_000 : random.chance(0.4) ? 0 : random.below(random.pick([50, 1000, 5000]))
    return {
      // with a deadline an input takes no time or too long, because the clock may move while a start is on its way
      millis: timeout === undefined ? millis : millis < timeout ? 0 : 2 * timeout + millis,
      end: random.chance(0.75) ? "succeed" : random.pick(["fail", "die", "kill"])
    }
  })
  const happenings = random.list(random.below(9), (): Happening => ({
    at: random.below(most),
    what: random.pick(["start", "start", "stop", "kill", "kill silently", "freeze", "thaw", "part", "heal"]),
    machine: random.pick(names)
  }))
  const slow = random.pick([0, 0, 5, 200, 1200])
  const rescued = random.chance(0.9)
    ? [{ at: most + random.below(20_000), what: "start", machine: "rescue" } as const]
    : []
  return {
    machines: names.slice(0, random.below(4)),
    slots: 1 + random.below(3),
    latency: [random.chance(0.5) ? slow : 0, slow],
    tells: random.chance(0.7),
    muted: random.chance(0.1) ? [random.below(most), most + random.below(5000)] : [0, 0],
    noise: random.chance(0.3) ? random.pick([[0.2, 0], [0, 0.3], [0.1, 0.1]]) : [0, 0],
    acts,
    options: {
      ...(random.chance(0.4) && { concurrency: 1 + random.below(5) }),
      ...(random.chance(0.5) && { batchSize: random.pick([1, 2, 5]) }),
      ...(timeout !== undefined && { timeout })
    },
    happenings: [...happenings, ...rescued].toSorted((a, b) => a.at - b.at),
    interruptedAt
  }
}

/** Records of tasks: how often each input was started, and which inputs are in progress. */
class Traces {
  readonly starts = new Map<number, number>()
  running = 0
}

let traces = new Traces()
let network: Transport.Network["Service"]

class Failed extends Error {}

/** Performs the action of an input, in a fiber of its machine. */
const perform = Task.make("perform", {
  module: import.meta.url,
  run: ({ act, index }: { readonly act: Act; readonly index: number }): Effect.Effect<number, Failed> =>
    Effect.suspend(() => {
      const own = traces
      own.starts.set(index, (own.starts.get(index) ?? 0) + 1)
      own.running++
      return Effect.ensuring(
        Effect.andThen(act.millis === 0 ? Effect.void : Effect.sleep(act.millis), end(act, index)),
        Effect.sync(() => own.running--)
      )
    })
})

const end = ({ end }: Act, index: number): Effect.Effect<number, Failed> => {
  switch (end) {
    case "succeed":
      return Effect.succeed(index)
    case "fail":
      // @effect-diagnostics-next-line globalErrorInEffectFailure:off
      return Effect.fail(new Failed(`failed ${index}`))
    case "die":
      return Effect.die(new Error(`died ${index}`))
    case "kill":
      return Effect.flatMap(
        Effect.serviceOption(Transport.Consumer),
        (consumer) => Effect.andThen(network.kill(Option.getOrThrow(consumer).machine), Effect.never)
      )
  }
}

/** Lets the event loop turn until all work waits for the clock. */
const settled = Effect.promise(async () => {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
})

const now = TestClock.testClockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

/** Loses messages of a transport in both directions, and repeats some replies. */
const noisy = (
  transport: Transport.Transport["Service"],
  { muted: [from, until], noise: [lost, twice] }: Schedule,
  random: Random
): Transport.Transport["Service"] => ({
  ...transport,
  broadcast: (message) =>
    Effect.flatMap(
      now,
      (at) => random.chance(lost) || (at >= from && at < until) ? Effect.void : transport.broadcast(message)
    ),
  events: Stream.flatMap(transport.events, (event) => {
    const isLost = event._tag === "Message" && random.chance(lost)
    const isTwice = event._tag === "Message" && random.chance(twice)
    return Stream.fromIterable(isLost ? [] : isTwice ? [event, event] : [event])
  })
})

const happen = ({ machine, what }: Happening): Effect.Effect<void> =>
  what === "kill silently" ? network.kill(machine, { silent: true }) : network[what](machine)

/** Runs a schedule. Throws if something goes wrong. */
const check = async (schedule: Schedule, seed: number): Promise<void> => {
  const random = new Random(seed ^ 0x5f3759df)
  const [least, greatest] = schedule.latency
  const memory = Transport.layerMemory({
    tasks: [perform],
    machines: schedule.machines,
    slots: schedule.slots,
    lease,
    tells: schedule.tells,
    latency: () => least + random.below(greatest - least + 1)
  })
  const noise = Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (transport) => noisy(transport, schedule, random))
  )
  const layer = Transport.layer({ lease, patience, maxLosses }).pipe(
    Layer.provide(noise),
    Layer.provideMerge(memory)
  )
  const program = Effect.gen(function*() {
    traces = new Traces()
    network = yield* Transport.Network
    const inputs = schedule.acts.map((act, index) => ({ act, index }))
    const fiber = yield* Effect.forkChild(Parallel.run(inputs, perform, schedule.options))
    const reach = (time: number) =>
      Effect.andThen(
        settled,
        Effect.flatMap(now, (at) => time > at ? Effect.andThen(TestClock.adjust(time - at), settled) : Effect.void)
      )
    let interruption: Fiber.Fiber<void> | undefined
    let interruptedIn = 0
    const { interruptedAt = Infinity } = schedule
    for (const happening of [...schedule.happenings, undefined]) {
      if (interruption === undefined && interruptedAt < (happening?.at ?? Infinity)) {
        yield* reach(interruptedAt)
        interruption = yield* Effect.forkChild(
          Effect.andThen(
            Fiber.interrupt(fiber),
            Effect.flatMap(now, (at) => Effect.sync(() => void (interruptedIn = at - interruptedAt)))
          )
        )
      }
      if (happening === undefined) break
      yield* reach(happening.at)
      yield* happen(happening)
    }
    while (fiber.pollUnsafe() === undefined && (yield* now) < ceiling) yield* reach((yield* now) + 1000)
    const exit = fiber.pollUnsafe()
    insist(exit !== undefined, () => "the run did not end")
    if (interruption !== undefined) yield* Fiber.await(interruption)
    // work without its program ends within a lease, and messages on their way have arrived by then
    for (const machine of yield* network.machines) {
      yield* network.thaw(machine)
    }
    for (let step = 0; step < 3; step++) yield* reach((yield* now) + lease + greatest)
    const left = { running: traces.running, queued: yield* network.queued }
    return { exit: exit!, interruptedIn, left, at: yield* now }
  })
  const silent = Logger.layer([])
  const world = Layer.provideMerge(layer, Layer.merge(TestClock.layer(), silent))
  const provided = Effect.provide(program, world)
  const { exit, interruptedIn, left } = await Effect.runPromise(Effect.scoped(provided))
  insist(left.running === 0, () => `${left.running} inputs are still running`)
  insist(left.queued === 0, () => `${left.queued} batches are still in the queue`)
  insist(traces.running === 0, () => `${traces.running} inputs are running after the end`)
  // a request to stop and its confirmation may be lost; both are sent again at each beat
  const isHeard = schedule.noise[0] === 0 && schedule.muted[1] === 0
  insist(
    interruptedIn <= (isHeard ? 1 : 4) * lease + 4 * greatest + 1000,
    () => `the interruption took ${interruptedIn} ms`
  )
  if (Exit.isSuccess(exit)) judge(schedule, exit.value.outcomes, traces)
  else {
    insist(
      schedule.interruptedAt !== undefined && Cause.hasInterruptsOnly(exit.cause),
      () => `the run failed: ${inspect(exit.cause)}`
    )
  }
}

type Settled = Outcome.Outcome<unknown, unknown, unknown>

const judge = (schedule: Schedule, outcomes: ReadonlyArray<Settled>, { starts }: Traces): void => {
  const { acts, happenings, latency: [, slowest], muted, noise } = schedule
  insist(
    outcomes.map(({ index }) => index).join() === acts.map((_, index) => index).join(),
    () => `outcomes of ${outcomes.map(({ index }) => index).join()}`
  )
  const stops = happenings.filter(({ what }) => what === "stop").length
  const isQuiet = slowest === 0 && noise[0] === 0 && muted[1] === 0 && stops === 0 &&
    !happenings.some(({ what }) => ["part", "freeze", "kill silently"].includes(what))
  // an input that ends its machine immediately is faster than the report of its start
  const isTold = isQuiet && !acts.some(({ end, millis }) => end === "kill" && millis < 200)
  for (const outcome of outcomes) {
    const { attempts, history, index } = outcome
    const where = () => `input ${index}, ${inspect(outcome, { depth: 6 })}`
    const lost = history.filter(({ end }) => end === "Lost").length
    const started = starts.get(index) ?? 0
    insist(attempts === lost + 1, () => `${attempts} attempts, ${lost} of them lost: ${where()}`)
    // an input without a machine, or whose machine was lost before it reported a start, ends with an attempt that began
    // nowhere
    const told = attempts - (isLostOf(outcome) ? 1 : 0)
    // if its machine is stopped, an attempt may begin and be interrupted before the task gets control
    insist(told <= started + stops, () => `${told} attempts of ${started} starts: ${where()}`)
    if (isTold) {
      insist(
        attempts === started || (attempts === started + 1 && isLostOf(outcome)),
        () => `${attempts} attempts, ${started} starts: ${where()}`
      )
    }
    insist(isExpected(schedule, outcome, started), () => `not what was expected: ${where()}`)
  }
}

const isLostOf = (outcome: Settled): boolean =>
  outcome._tag === "Failure" && Cause.squash(outcome.cause) instanceof Backend.BackendError

/** True if an outcome is the result of its input by itself, or one that losses can cause. */
const isExpected = (
  { acts, happenings, muted, options: { timeout = Infinity } }: Schedule,
  outcome: Settled,
  started: number
): boolean => {
  const { end, millis } = acts[outcome.index]!
  if (outcome._tag === "Success") {
    return end === "succeed" && outcome.value === outcome.index && millis <= timeout && started > 0
  }
  const error = Cause.squash(outcome.cause)
  const killers = acts.filter((act) => act.end === "kill").length
  if (error instanceof Backend.BackendError) {
    switch (error.reason._tag) {
      case "MachineLost":
        return error.reason.losses === maxLosses && (killers > 0 || happenings.length >= maxLosses || muted[1] > 0)
      case "NoWorkers":
        return error.reason.millis >= patience
      default:
        return false
    }
  }
  if (Cause.isTimeoutError(error)) return millis >= timeout || end === "kill"
  const message = (error as Error).message
  return end === "fail" && message === `failed ${outcome.index}` && !Cause.hasDies(outcome.cause) ||
    end === "die" && message === `died ${outcome.index}` && Cause.hasDies(outcome.cause)
}

/** Runs schedules from a seed on. Throws with the first that goes wrong. */
export const campaign = async (seed: number, schedules: number): Promise<void> => {
  for (let k = 0; k < schedules; k++) {
    const schedule = draw(seed + k)
    try {
      await check(schedule, seed + k)
    } catch (error) {
      const shown = inspect(schedule, { depth: 9, breakLength: 120 })
      throw new Error(`seed ${seed + k}: ${error instanceof Error ? error.message : inspect(error)}\n${shown}`, {
        cause: error
      })
    }
  }
}
