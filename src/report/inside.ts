/**
 * What is seen inside the attempts of a run that makes a report: the runs and flows that they start, and what they log. All of it is bounded,
 * whatever the attempts do.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type { Counts } from "../observability/contract.ts"
import {
  type SeenFlow,
  type SeenInputs,
  type SeenItem,
  type SeenRun,
  type SeenWalk,
  type Spectator,
  Spectators
} from "../observability/spectator.ts"
import type * as Outcome from "../Outcome.ts"
import { shortenMessage, shortenName } from "../primitives/shorten.ts"
import { FlowCounter } from "./flows.ts"
import { Messages } from "./messages.ts"

/** Greatest numbers of runs and of lines that are kept, and of messages that the failures of a run are counted by. */
const mostRuns = 10_000
const mostLogs = 10_000
const mostMessages = 20

/** Number of failures of a run whose messages are looked at. */
const mostLooked = 10_000

/** Greatest number of characters of a message. */
const messageLength = 240

/** Tells which attempt of the reported run a context is in, if it is in none of a run inside. */
type AttemptOf = (context: Context.Context<never>) => { readonly index: number; readonly attempt?: number } | undefined

/** Sees the run of a report, and gathers what is inside. */
export class InsideOf implements Spectator {
  readonly detailed = false
  private readonly runs: Array<NestedSeen> = []
  private runsLeft = 0
  private readonly flows = new FlowCounter()
  private readonly logs: Array<Outcome.LogLine> = []
  private logsLeft = 0
  private readonly attemptOf: AttemptOf
  private readonly now: () => number
  /** Start of the reported run, in nanoseconds of the monotonic clock. */
  private beganAt = 0
  /** True once the report is made: what goes on is in none. */
  private isOver = false

  /** `now` reads the monotonic clock, in nanoseconds. */
  constructor(attemptOf: AttemptOf, now: () => number) {
    this.attemptOf = attemptOf
    this.now = now
  }

  /** Is told of the reported run itself. */
  open({ beganAt }: SeenRun): SeenInputs {
    this.beganAt = beganAt
    return new RootSeen(this)
  }

  walk(flow: SeenFlow): SeenWalk {
    return this.flows.walk(flow)
  }

  /** Is told of a run inside. */
  nested(run: SeenRun, parent: NestedSeen | undefined): NestedSeen {
    const nested = new NestedSeen(this, run, parent)
    if (this.isOver) return nested
    if (this.runs.length < mostRuns) this.runs.push(nested)
    else this.runsLeft++
    return nested
  }

  /** Keeps what attempts log. */
  readonly logger: Logger.Logger<unknown, void> = Logger.make(({ cause, fiber, logLevel, message }) => {
    if (this.isOver) return
    const seen = Context.get(fiber.context, Spectators).find((each) =>
      each instanceof RootSeen && each.inside === this ||
      each instanceof NestedSeen && each.inside === this
    )
    if (seen === undefined) return
    const nested = seen instanceof NestedSeen ? seen : undefined
    const attempt = nested === undefined ? this.attemptOf(fiber.context) ?? elsewhere(fiber) : undefined
    const index = nested?.rootIndex ?? attempt?.index
    if (index === undefined) return
    if (this.logs.length === mostLogs) {
      this.logsLeft++
      return
    }
    this.logs.push({
      index,
      attempt: attempt?.attempt,
      within: nested?.name,
      at: this.since(this.now()),
      level: logLevel,
      message: textOf(message, cause)
    })
  })

  /** Returns what was gathered, at the end of the reported run. Nothing is gathered from then on. */
  gather(): Outcome.RunInside {
    const now = this.now()
    const runs = this.runs.splice(0)
    const places = new Map(runs.map((run, place) => [run, place]))
    this.isOver = true
    return {
      runs: runs.map((run) => run.told(now, run.parent && places.get(run.parent))),
      runsLeft: this.runsLeft,
      flows: this.flows.counts,
      logs: this.logs.splice(0),
      logsLeft: this.logsLeft
    }
  }

  since(at: number): Duration.Duration {
    return Duration.nanos(BigInt(Math.max(0, Math.round(at - this.beganAt))))
  }
}

/** Tells the input of what a worker has logged, which says so in its annotations. */
const elsewhere = (
  fiber: Fiber.Fiber<unknown, unknown>
): { readonly index: number; readonly attempt?: number } | undefined => {
  const { index, worker } = fiber.getRef(References.CurrentLogAnnotations)
  return typeof index === "number" && typeof worker === "number" ? { index } : undefined
}

/** What is logged, as one line. */
const textOf = (message: unknown, cause: Cause.Cause<unknown>): string => {
  const said = Array.isArray(message) ? message : [message]
  const parts = cause.reasons.length === 0 ? said : [...said, Cause.squash(cause)]
  return shortenMessage(parts.map((part) => shortenMessage(part, messageLength)).join(" "), messageLength)
}

/** Sees the inputs of the reported run, which the report has itself. */
class RootSeen implements SeenInputs {
  readonly detailed = false
  readonly inside: InsideOf

  constructor(inside: InsideOf) {
    this.inside = inside
  }

  open(run: SeenRun): SeenInputs {
    return this.inside.nested(run, undefined)
  }

  walk(flow: SeenFlow): SeenWalk {
    return this.inside.walk(flow)
  }

  began(): void {}
  left(): void {}
  succeeded(): void {}
  failed(): void {}
  ended(): void {}
  reported(): void {}
}

/** How a run inside has ended. */
interface NestedEnd extends Counts {
  readonly at: number
  readonly state: Outcome.NestedRun["state"]
}

/** Sees a run inside. */
class NestedSeen implements SeenInputs {
  readonly detailed = false
  readonly inside: InsideOf
  readonly name: string
  readonly parent: NestedSeen | undefined
  /** The input of the reported run that it is inside of. */
  readonly rootIndex: number | undefined
  private readonly index: number | undefined
  private readonly beganAt: number
  private readonly failures = new Map<string, { count: number; readonly input: string }>()
  private readonly messages = new Messages(messageLength)
  /** Number of failures whose messages were looked at. */
  private looked = 0
  /** The run until it ends, so that its inputs do not stay in memory. */
  private run: SeenRun | undefined
  private end: NestedEnd | undefined

  constructor(inside: InsideOf, run: SeenRun, parent: NestedSeen | undefined) {
    this.inside = inside
    this.name = shortenName(run.run.name)
    this.parent = parent
    this.index = run.index
    this.rootIndex = parent === undefined ? run.index : parent.rootIndex
    this.beganAt = run.beganAt
    this.run = run
  }

  open(run: SeenRun): SeenInputs {
    return this.inside.nested(run, this)
  }

  walk(flow: SeenFlow): SeenWalk {
    return this.inside.walk(flow)
  }

  began(): void {}
  left(): void {}
  succeeded(): void {}
  reported(): void {}

  failed({ input }: SeenItem, cause: Cause.Cause<unknown>): void {
    if (this.looked === mostLooked) return
    this.looked++
    const message = this.messages.of(Cause.squash(cause))
    const known = this.failures.get(message)
    if (known !== undefined) known.count++
    else if (this.failures.size < mostMessages) this.failures.set(message, { count: 1, input: this.run!.show(input) })
  }

  ended(exit: Exit.Exit<unknown, unknown>, at: number): void {
    const counts = this.run!.run.counts()
    const isInterrupted = Exit.hasInterrupts(exit) && !Exit.hasFails(exit)
    const state = isInterrupted ? "interrupted" : counts.done === counts.total ? "done" : "stopped"
    this.end = { ...counts, at, state }
    this.run = undefined
  }

  /** What it came to, or where it stands now if it goes on in a fiber of its own. */
  told(now: number, parent: number | undefined): Outcome.NestedRun {
    const { beganAt, index, name, run } = this
    const { at, done, failed, recalled, retried, state } = this.end ??
      { ...run!.run.counts(), at: now, state: "running" as const }
    return {
      name,
      parent,
      index,
      startedAt: this.inside.since(beganAt),
      elapsed: Duration.nanos(BigInt(Math.max(0, Math.round(at - beganAt)))),
      state,
      succeeded: done - failed,
      failed,
      retried,
      recalled,
      failures: [...this.failures].map(([message, { count, input }]) => ({ message, count, input }))
        .toSorted((a, b) => b.count - a.count)
    }
  }
}
