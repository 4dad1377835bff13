/**
 * The state of a dashboard: the runs of its program, in bounded memory for any number of inputs.
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { FollowedRun } from "../observability/ending.ts"
import { RateMeter, secondsLeft } from "../observability/rate.ts"
import type { SeenFlow, SeenInputs, SeenItem, SeenRun, SeenWalk, Spectator } from "../observability/spectator.ts"
import type * as Outcome from "../Outcome.ts"
import { shortenName } from "../primitives/shorten.ts"
import { FailureCounter } from "../report/failures.ts"
import { FlowCounter } from "../report/flows.ts"
import { flowOf } from "../report/json.ts"
import { textOfCause } from "../report/texts.ts"
import type { LiveInput, LiveOutcome, LiveRun, Update } from "./messages.ts"

/** Greatest numbers of outcomes that are kept, of runs and inputs that are sent, and of reports that are kept. */
const mostOutcomes = 1000
const mostRuns = 200
const mostInputs = 200
const mostReports = 5

/** Greatest number of messages by which the failures of a run are counted, and of messages that are sent. */
const mostMessages = 100
const mostTold = 20

type LiveReport = Outcome.Report<unknown, unknown, unknown>

/** Reads the monotonic clock, in nanoseconds. */
type Now = () => number

/**
 * Nanoseconds that formatting causes may take in each window of time, so that a run whose inputs all fail is not
 * slowed.
 */
const causeBudget = 20e6
const causeWindow = 200e6

export class LiveBoard implements Spectator {
  readonly detailed = true
  /** True once the dashboard is closed. */
  isOver = false
  /** Number of changes so far. An update differs only after a change. */
  changes = 0
  readonly now: Now
  private readonly live = new Set<LiveSeen>()
  private readonly ended: Array<LiveSeen> = []
  private readonly reports = new Map<number, LiveReport>()
  private readonly flows = new FlowCounter()
  private readonly outcomes: Array<LiveOutcome> = []
  /** Nanoseconds that formatting causes has taken since `spentSince`. */
  private spent = 0
  private spentSince = -Infinity
  /** Number of runs so far. */
  private runs = 0
  /** Number of outcomes so far. */
  private settled = 0
  /** Number of ended runs that were forgotten. */
  private forgotten = 0

  constructor(now: Now) {
    this.now = now
  }

  open(run: SeenRun, parent?: LiveSeen): LiveSeen {
    this.changes++
    const seen = new LiveSeen(this, run, this.runs++, parent)
    this.live.add(seen)
    return seen
  }

  walk(flow: SeenFlow): SeenWalk {
    return this.flows.walk(flow)
  }

  /** Keeps an outcome, which replaces the oldest one if there are too many. */
  add(outcome: Omit<LiveOutcome, "seq">): void {
    this.changes++
    const seq = this.settled++
    this.outcomes[seq % mostOutcomes] = { seq, ...outcome }
  }

  /** Formats a cause. Returns `undefined` if formatting has recently taken too long. */
  shownCause(cause: Cause.Cause<unknown>): string | undefined {
    const from = this.now()
    if (from - this.spentSince >= causeWindow) {
      this.spent = 0
      this.spentSince = from
    }
    if (this.spent >= causeBudget) return undefined
    const text = textOfCause(cause)
    this.spent += this.now() - from
    return text
  }

  /** Records that a run has ended. If there are too many, forgets the oldest ended run, nested runs first. */
  end(seen: LiveSeen): void {
    this.changes++
    this.live.delete(seen)
    this.ended.push(seen)
    if (this.ended.length <= mostRuns) return
    const inner = this.ended.findIndex(({ depth }) => depth > 0)
    const [oldest] = this.ended.splice(Math.max(0, inner), 1)
    this.reports.delete(oldest!.id)
    this.forgotten++
  }

  /** Keeps the report of a run. Only the last reports stay in memory. */
  report(seen: LiveSeen, report: LiveReport): void {
    if (!this.live.has(seen) && !this.ended.includes(seen)) return
    this.changes++
    this.reports.set(seen.id, report)
    if (this.reports.size > mostReports) this.reports.delete(this.reports.keys().next().value!)
  }

  reportOf(id: number): LiveReport | undefined {
    return this.reports.get(id)
  }

  hasReport(id: number): boolean {
    return this.reports.has(id)
  }

  /** Makes the update for a page that has the first `known` outcomes. */
  update(known: number): Update {
    const now = this.now()
    const outcomes: Array<LiveOutcome> = []
    for (let seq = Math.max(known, this.settled - mostOutcomes); seq < this.settled; seq++) {
      outcomes.push(this.outcomes[seq % mostOutcomes]!)
    }
    const runs = this.shown()
    return {
      runs: runs.map((run) => run.told(now)),
      runsLeft: this.forgotten + this.live.size + this.ended.length - runs.length,
      outcomes,
      settled: this.settled,
      inputs: this.inputs(now),
      flows: this.flows.counts.map(flowOf),
      over: this.isOver
    }
  }

  /**
   * Returns the runs to send: running ones, the least nested first, and as many of the last ended runs as there is room
   * for.
   */
  private shown(): ReadonlyArray<LiveSeen> {
    const byDepth = Map.groupBy(this.live, ({ depth }) => depth)
    const under = [...byDepth].toSorted(([a], [b]) => a - b).flatMap(([, runs]) => runs).slice(0, mostRuns)
    const room = mostRuns - under.length
    return [...room === 0 ? [] : this.ended.slice(-room), ...under].toSorted((a, b) => a.id - b.id)
  }

  /** Returns the inputs in progress, the longest running first. */
  private inputs(now: number): ReadonlyArray<LiveInput> {
    const all: Array<readonly [at: number, run: LiveSeen, worker: number]> = []
    for (const run of this.live) for (const [worker, { at }] of run.running) all.push([at, run, worker])
    return all.toSorted(([a], [b]) => a - b).slice(0, mostInputs).map(([, run, worker]) => run.inputAt(worker, now))
  }
}

/** A run that the dashboard follows. */
export class LiveSeen implements SeenInputs {
  readonly detailed = true
  readonly id: number
  readonly depth: number
  private readonly board: LiveBoard
  private readonly parent: LiveSeen | undefined
  private readonly about: Pick<LiveRun, "name" | "startedAt" | "backend" | "options">
  private readonly beganAt: number
  private readonly rate: RateMeter
  private readonly failures = new FailureCounter(mostMessages)
  /** Inputs in progress, by the worker or lane that has them. */
  readonly running = new Map<number, { readonly index: number; readonly input: string; readonly at: number }>()
  private readonly run: FollowedRun

  constructor(board: LiveBoard, run: SeenRun, id: number, parent: LiveSeen | undefined) {
    const { backend, beganAt, options, startedAt } = run
    this.board = board
    this.run = new FollowedRun(run)
    this.id = id
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
    this.beganAt = beganAt
    this.rate = new RateMeter(beganAt / 1e6)
    this.about = {
      name: shortenName(run.run.name),
      startedAt: new Date(startedAt).toISOString(),
      ...(backend !== undefined && { backend: shortenName(backend) }),
      options: options()
    }
  }

  open(run: SeenRun): SeenInputs {
    return this.board.open(run, this)
  }

  walk(flow: SeenFlow): SeenWalk {
    return this.board.walk(flow)
  }

  began({ index, input }: Pick<SeenItem, "index" | "input">, worker: number, at = this.board.now()): void {
    if (this.run.hasEnded) return
    this.board.changes++
    this.running.set(worker, { index, input: this.run.show(input), at })
  }

  left(index: number, worker: number): void {
    if (this.running.get(worker)?.index === index) this.running.delete(worker)
  }

  succeeded(item: SeenItem): void {
    this.settle(item, this.shown(item), undefined)
  }

  failed(item: SeenItem, cause: Cause.Cause<unknown>): void {
    const input = this.shown(item)
    const message = this.failures.add(Cause.squash(cause), () => input)
    const text = this.board.shownCause(cause)
    this.settle(item, input, { message, ...(text !== undefined && { cause: text }) })
  }

  ended(exit: Exit.Exit<unknown, unknown>, at: number): void {
    this.run.ended(exit, at)
    this.running.clear()
    this.board.end(this)
  }

  reported(report: unknown): void {
    this.board.report(this, report as LiveReport)
  }

  /** Returns the input that a worker or lane has. */
  inputAt(worker: number, now: number): LiveInput {
    const { at, index, input } = this.running.get(worker)!
    return { run: this.id, index, input, worker, since: millis(now - at) }
  }

  /** Returns the current state of the run. */
  told(now: number): LiveRun {
    const { at, limited, total, ...counts } = this.run.standing(now)
    const rate = this.rate.at(at / 1e6, counts.done - counts.recalled)
    const left = counts.state === "running" ? secondsLeft({ done: counts.done, total }, rate) : undefined
    const failures = this.failures.counts
    const untold = failures.slice(mostTold).reduce((sum, { count }) => sum + count, 0)
    return {
      id: this.id,
      ...(this.parent !== undefined && { parent: this.parent.id }),
      depth: this.depth,
      ...this.about,
      ...counts,
      elapsed: millis(at - this.beganAt),
      ...(total !== undefined && { total }),
      limited: limited.map(({ name, waiting }) => ({ name: shortenName(name), waiting })),
      rate: Math.round(rate * 1000) / 1000,
      ...(left !== undefined && { left: Math.round(left * 1000) }),
      failures: failures.slice(0, mostTold),
      failuresLeft: this.failures.left + untold,
      hasReport: this.board.hasReport(this.id)
    }
  }

  /** Returns the text of an item's input, the same as when its attempt began. */
  private shown({ index, input, worker }: SeenItem): string {
    const known = this.running.get(worker)
    return known?.index === index ? known.input : this.run.show(input)
  }

  /** Keeps an outcome. */
  private settle(
    { attempts, endedAt, index, recorded, startedAt, worker }: SeenItem,
    input: string,
    error: LiveOutcome["error"]
  ): void {
    this.left(index, worker)
    // removes copies of a straggler that have lost, and earlier attempts
    if (attempts > 1) {
      for (const [other, { index: its }] of this.running) {
        if (its === index) this.running.delete(other)
      }
    }
    this.board.add({
      run: this.id,
      index,
      _tag: error === undefined ? "Success" : "Failure",
      input,
      attempts: recorded === undefined ? attempts : 0,
      startedAt: millis(startedAt - this.beganAt),
      elapsed: millis(endedAt - startedAt),
      worker,
      ...(error !== undefined && { error })
    })
  }
}

/** Converts nanoseconds to milliseconds, rounded to the microsecond. */
const millis = (nanos: number): number => Math.max(0, Math.round(nanos / 1000) / 1000)
