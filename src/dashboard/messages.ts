/**
 * What the server of a dashboard tells its page, as JSON. The viewer is bundled with this, so it imports types alone.
 */
import type { Counts, Snapshot } from "../observability/contract.ts"
import type { FailureCount } from "../Outcome.ts"
import type { Json } from "../report/json.ts"

/** A run as it stands. Times are milliseconds. */
export interface LiveRun extends Omit<Counts, "total"> {
  readonly id: number
  /** The run around; left out where there is none. */
  readonly parent?: number
  readonly depth: number
  readonly name: string
  readonly state: Snapshot["state"]
  /** When it began, in ISO 8601. */
  readonly startedAt: string
  readonly elapsed: number
  /** Number of inputs, once it is known. */
  readonly total?: number
  /** Inputs a second over the last ten seconds, or since somebody looks, or over all where nobody did before. */
  readonly rate: number
  /** Time that the rest takes at that rate. */
  readonly left?: number
  readonly backend?: string
  readonly options: Readonly<Record<string, string>>
  /** The most frequent failures. */
  readonly failures: ReadonlyArray<FailureCount>
  /** Number of failed inputs that are in none of them. */
  readonly failuresLeft: number
  /** True once `/reports/<id>` has its report. */
  readonly hasReport: boolean
}

/** What became of an input. `startedAt` and `elapsed` are milliseconds, the first since the start of its run. */
export interface LiveOutcome {
  /** Number of the outcome among those of all runs, from 0. */
  readonly seq: number
  readonly run: number
  readonly index: number
  readonly _tag: "Success" | "Failure"
  readonly input: string
  readonly attempts: number
  readonly startedAt: number
  readonly elapsed: number
  readonly worker: number
  /** The cause is left out where very many inputs fail at once. */
  readonly error?: { readonly message: string; readonly cause?: string }
}

/** An input that is under way. */
export interface LiveInput {
  readonly run: number
  readonly index: number
  readonly input: string
  readonly worker: number
  /** How long it has been under way, in milliseconds. */
  readonly since: number
}

/** An event: the first has the last outcomes, later ones have those since the event before. At most ten come in a second. */
export interface Update {
  /** Runs under way, and those that have ended: the last of them. */
  readonly runs: ReadonlyArray<LiveRun>
  /** Number of ended runs that are not in `runs` any more. */
  readonly runsLeft: number
  /** Outcomes in the order in which they came; at most the last thousand. */
  readonly outcomes: ReadonlyArray<LiveOutcome>
  /** Number of outcomes so far. */
  readonly settled: number
  /** Inputs under way, those first that have been longest. */
  readonly inputs: ReadonlyArray<LiveInput>
  /** Flows that the runs have walked through. */
  readonly flows: NonNullable<Json["flows"]>
  /** True in the last event: the program has closed the dashboard. */
  readonly over: boolean
}
