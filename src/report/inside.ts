/**
 * Activity inside the attempts of a run that makes a report: the runs and flows that they start, and their log lines.
 * All of it is bounded, whatever the attempts do.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { FollowedRun } from "../observability/ending.ts"
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
import { shortenName } from "../primitives/shorten.ts"
import { FailureCounter } from "./failures.ts"
import { FlowCounter } from "./flows.ts"
import { messageOf } from "./texts.ts"

/**
 * Greatest number of runs that are kept, of log lines that are kept, and of messages by which the failures of a run are
 * counted.
 */
const mostRuns = 10_000
const mostLogs = 10_000
const mostMessages = 20

/** Greatest number of failures of a run whose messages are read. */
const mostLooked = 10_000

/**
 * Function that returns the attempt of the reported run that a context is in. Returns undefined for a context in a
 * nested run.
 */
type AttemptOf = (context: Context.Context<never>) => { readonly index: number; readonly attempt?: number } | undefined

/** Sees the run of a report, and collects the activity inside it. */
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
  /** True once the report is made. What happens after that is in no report. */
  private isOver = false

  /** Makes a collector. `now` reads the monotonic clock, in nanoseconds. */
  constructor(attemptOf: AttemptOf, now: () => number) {
    this.attemptOf = attemptOf
    this.now = now
  }

  /** Called for the reported run itself. */
  open({ beganAt }: SeenRun): SeenInputs {
    this.beganAt = beganAt
    return new RunSeen(this)
  }

  walk(flow: SeenFlow): SeenWalk {
    return this.flows.walk(flow)
  }

  /** Called for a run inside the reported run. */
  nested(run: SeenRun, around: RunSeen): NestedSeen {
    const nested = new NestedSeen(this, run, around instanceof NestedSeen ? around : undefined)
    if (this.isOver) return nested
    if (this.runs.length < mostRuns) this.runs.push(nested)
    else this.runsLeft++
    return nested
  }

  /** Keeps what attempts log. */
  readonly logger: Logger.Logger<unknown, void> = Logger.make(({ cause, fiber, logLevel, message }) => {
    if (this.isOver) return
    const seen = Context.get(fiber.context, Spectators).find((each) => each instanceof RunSeen && each.inside === this)
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

  /** Returns everything that was collected, at the end of the reported run. Nothing is collected after that. */
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

/** Returns the input of a log line from a worker or a machine, which has it in its annotations. */
const elsewhere = (
  fiber: Fiber.Fiber<unknown, unknown>
): { readonly index: number; readonly attempt?: number } | undefined => {
  const { index, machine, worker } = fiber.getRef(References.CurrentLogAnnotations)
  const isElsewhere = typeof worker === "number" || typeof machine === "string"
  return typeof index === "number" && isElsewhere ? { index } : undefined
}

/** Returns a logged message as one line. */
const textOf = (message: unknown, cause: Cause.Cause<unknown>): string => {
  const said = Array.isArray(message) ? message : [message]
  const parts = cause.reasons.length === 0 ? said : [...said, Cause.squash(cause)]
  return messageOf(parts.map(messageOf).join(" "))
}

/** Sees the reported run. Its inputs are in the report anyway, so only runs and flows that begin inside are handled. */
class RunSeen implements SeenInputs {
  readonly detailed = false
  readonly inside: InsideOf

  constructor(inside: InsideOf) {
    this.inside = inside
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
  failed(_item: SeenItem, _cause: Cause.Cause<unknown>): void {}
  ended(_exit: Exit.Exit<unknown, unknown>, _at: number): void {}
  reported(): void {}
}

/** Sees a run inside the reported run. */
class NestedSeen extends RunSeen {
  readonly name: string
  readonly parent: NestedSeen | undefined
  /** Index of the input of the reported run whose attempt contains this run. */
  readonly rootIndex: number | undefined
  private readonly index: number | undefined
  private readonly beganAt: number
  private readonly run: FollowedRun
  private readonly failures = new FailureCounter(mostMessages)
  /** Number of failures whose messages were read. */
  private looked = 0

  constructor(inside: InsideOf, run: SeenRun, parent: NestedSeen | undefined) {
    super(inside)
    this.name = shortenName(run.run.name)
    this.parent = parent
    this.index = run.index
    this.rootIndex = parent === undefined ? run.index : parent.rootIndex
    this.beganAt = run.beganAt
    this.run = new FollowedRun(run)
  }

  override failed({ input }: SeenItem, cause: Cause.Cause<unknown>): void {
    if (this.looked === mostLooked) return
    this.looked++
    this.failures.add(Cause.squash(cause), () => this.run.show(input))
  }

  override ended(exit: Exit.Exit<unknown, unknown>, at: number): void {
    this.run.ended(exit, at)
  }

  /** Returns its result, or its state now if it still runs in a fiber of its own. */
  told(now: number, parent: number | undefined): Outcome.NestedRun {
    const { beganAt, failures, index, name } = this
    const { at, done, failed, recalled, retried, state } = this.run.standing(now)
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
      failures: failures.counts
    }
  }
}
