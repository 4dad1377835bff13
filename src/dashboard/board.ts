/**
 * What a dashboard knows of the runs of its program, in bounded memory, however many inputs they have.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { RateMeter, secondsLeft } from "../observability/rate.ts"
import type { SeenFlow, SeenInputs, SeenItem, SeenRun, SeenWalk, Spectator } from "../observability/spectator.ts"
import type * as Outcome from "../Outcome.ts"
import { showCause } from "../primitives/causes.ts"
import { prefix } from "../primitives/printable.ts"
import { shortenMessage, shortenName } from "../primitives/shorten.ts"
import { FlowCounter } from "../report/flows.ts"
import { flowOf } from "../report/json.ts"
import type { LiveInput, LiveOutcome, LiveRun, Update } from "./messages.ts"

/** Greatest numbers of outcomes that are kept, of runs and inputs that are told of, and of reports that are kept. */
const mostOutcomes = 1000
const mostRuns = 200
const mostInputs = 200
const mostReports = 5

/** Greatest number of messages by which the failures of a run are counted, and of those that are told. */
const mostMessages = 100
const mostTold = 20

/** Greatest numbers of characters of a message and of the text of a cause. */
const messageLength = 240
const causeLength = 4000

type LiveReport = Outcome.Report<unknown, unknown, unknown>

/** Reads the monotonic clock, in nanoseconds. */
type Now = () => number

export class LiveBoard implements Spectator {
  /** True once the dashboard is closed. */
  isOver = false
  /** Number of changes so far: what is told differs after one. */
  changes = 0
  readonly now: Now
  private readonly live = new Set<LiveSeen>()
  private readonly ended: Array<LiveSeen> = []
  private readonly reports = new Map<number, LiveReport>()
  private readonly flows = new FlowCounter()
  private readonly outcomes: Array<LiveOutcome> = []
  /** Numbers of runs and outcomes so far, and of ended runs that were forgotten. */
  private runs = 0
  private settled = 0
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

  /** Keeps an outcome, in the place of the oldest one. */
  add(outcome: Omit<LiveOutcome, "seq">): void {
    this.changes++
    const seq = this.settled++
    this.outcomes[seq % mostOutcomes] = { seq, ...outcome }
  }

  /** Is told that a run has ended. Of those that have ended the oldest is forgotten first, one inside of another before others. */
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

  /** Keeps the report of a run: the last ones, so that no more than these stay in memory. */
  report(seen: LiveSeen, report: LiveReport): void {
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

  /** What a page is told that knows of so many outcomes. */
  update(known: number): Update {
    const now = this.now()
    const shown = [...this.ended, ...this.live].toSorted((a, b) => a.id - b.id)
    const outcomes: Array<LiveOutcome> = []
    for (let seq = Math.max(known, this.settled - mostOutcomes); seq < this.settled; seq++) {
      outcomes.push(this.outcomes[seq % mostOutcomes]!)
    }
    const runs = shown.length <= mostRuns ? shown : leastDeep(shown)
    return {
      runs: runs.map((run) => run.told(now)),
      runsLeft: this.forgotten + shown.length - runs.length,
      outcomes,
      settled: this.settled,
      inputs: this.inputs(now),
      flows: this.flows.counts.map(flowOf),
      over: this.isOver
    }
  }

  private inputs(now: number): ReadonlyArray<LiveInput> {
    const all = [...this.live].flatMap((run) => run.inputs(now))
    return all.toSorted((a, b) => b.since - a.since).slice(0, mostInputs)
  }
}

/** Picks as many runs as are told of: those with the fewest around them, of these the last. */
const leastDeep = (runs: ReadonlyArray<LiveSeen>): ReadonlyArray<LiveSeen> =>
  runs.toSorted((a, b) => a.depth - b.depth || b.id - a.id).slice(0, mostRuns).toSorted((a, b) => a.id - b.id)

/** A run that the dashboard sees. */
export class LiveSeen implements SeenInputs {
  readonly detailed = true
  readonly id: number
  readonly depth: number
  private readonly board: LiveBoard
  private readonly run: SeenRun
  private readonly parent: LiveSeen | undefined
  private readonly rate: RateMeter
  private readonly failures = new Map<string, { count: number; readonly input: string }>()
  private failuresLeft = 0
  /** Inputs under way, by the worker or lane that has them. */
  private readonly running = new Map<number, { readonly index: number; readonly input: string; readonly at: number }>()
  private end: { readonly at: number; readonly state: LiveRun["state"] } | undefined

  constructor(board: LiveBoard, run: SeenRun, id: number, parent: LiveSeen | undefined) {
    this.board = board
    this.run = run
    this.id = id
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
    this.rate = new RateMeter(run.beganAt / 1e6)
  }

  open(run: SeenRun): SeenInputs {
    return this.board.open(run, this)
  }

  walk(flow: SeenFlow): SeenWalk {
    return this.board.walk(flow)
  }

  began({ index, input }: Pick<SeenItem, "index" | "input">, worker: number, at = this.board.now()): void {
    this.board.changes++
    this.running.set(worker, { index, input: this.run.show(input), at })
  }

  left(index: number, worker: number): void {
    if (this.running.get(worker)?.index === index) this.running.delete(worker)
  }

  succeeded(item: SeenItem): void {
    this.settle(item, "Success")
  }

  failed(item: SeenItem, cause: Cause.Cause<unknown>): void {
    const message = shortenMessage(Cause.squash(cause), messageLength)
    const text = showCause(cause)
    const whole = text.length <= causeLength ? text : `${prefix(text, causeLength)}\n…`
    const { input } = this.settle(item, "Failure", { message, cause: whole })
    const known = this.failures.get(message)
    if (known !== undefined) known.count++
    else if (this.failures.size < mostMessages) this.failures.set(message, { count: 1, input })
    else this.failuresLeft++
  }

  ended(exit: Exit.Exit<unknown, unknown>, at: number): void {
    const { done, total } = this.run.run.counts()
    const isInterrupted = Exit.hasInterrupts(exit) && !Exit.hasFails(exit)
    this.end = { at, state: isInterrupted ? "interrupted" : done === total ? "done" : "stopped" }
    this.running.clear()
    this.board.end(this)
  }

  reported(report: unknown): void {
    this.board.report(this, report as LiveReport)
  }

  /** Its inputs under way. */
  inputs(now: number): ReadonlyArray<LiveInput> {
    return [...this.running].map(([worker, { at, index, input }]) => ({
      run: this.id,
      index,
      input,
      worker,
      since: millis(now - at)
    }))
  }

  /** How it stands. */
  told(now: number): LiveRun {
    const { beganAt, startedAt } = this.run
    const counts = this.run.run.counts()
    const { at, state } = this.end ?? { at: now, state: "running" as const }
    const rate = this.rate.at(at / 1e6, counts.done - counts.recalled)
    const left = state === "running" ? secondsLeft(counts, rate) : undefined
    const failures = [...this.failures].toSorted(([, a], [, b]) => b.count - a.count)
    const told = failures.slice(0, mostTold)
    const untold = failures.slice(mostTold).reduce((sum, [, { count }]) => sum + count, 0)
    return {
      id: this.id,
      ...(this.parent !== undefined && { parent: this.parent.id }),
      depth: this.depth,
      name: shortenName(this.run.run.name),
      state,
      startedAt: new Date(startedAt).toISOString(),
      elapsed: millis(at - beganAt),
      ...(counts.total !== undefined && { total: counts.total }),
      done: counts.done,
      failed: counts.failed,
      retried: counts.retried,
      recalled: counts.recalled,
      running: counts.running,
      waiting: counts.waiting,
      limited: counts.limited.map(({ name, waiting }) => ({ name: shortenName(name), waiting })),
      rate: Math.round(rate * 1000) / 1000,
      ...(left !== undefined && { left: Math.round(left * 1000) }),
      ...(this.run.backend !== undefined && { backend: shortenName(this.run.backend) }),
      options: this.run.options(),
      failures: told.map(([message, { count, input }]) => ({ message, count, input })),
      failuresLeft: this.failuresLeft + untold,
      hasReport: this.board.hasReport(this.id)
    }
  }

  private settle(
    { attempts, endedAt, index, input, recorded, startedAt, worker }: SeenItem,
    tag: LiveOutcome["_tag"],
    error?: NonNullable<LiveOutcome["error"]>
  ): Omit<LiveOutcome, "seq"> {
    this.left(index, worker)
    const outcome = {
      run: this.id,
      index,
      _tag: tag,
      input: this.run.show(input),
      attempts: recorded === undefined ? attempts : 0,
      startedAt: millis(startedAt - this.run.beganAt),
      elapsed: millis(endedAt - startedAt),
      worker,
      ...(error !== undefined && { error })
    }
    this.board.add(outcome)
    return outcome
  }
}

/** Converts nanoseconds to milliseconds, rounded to the microsecond. */
const millis = (nanos: number): number => Math.max(0, Math.round(nanos / 1000) / 1000)
