/**
 * The messages of a dashboard server to its page, as JSON. This module is bundled with the viewer, so it imports only
 * types.
 */
import type { Counts, Snapshot } from "../observability/contract.ts"
import type { FailureCount } from "../Outcome.ts"
import type { Json } from "../report/json.ts"

/** The current state of a run. Times are in milliseconds. */
export interface LiveRun extends Omit<Counts, "total"> {
  readonly id: number
  /** The run that this run is inside. Absent if there is none. */
  readonly parent?: number
  readonly depth: number
  readonly name: string
  readonly state: Snapshot["state"]
  /** When it began, in ISO 8601. */
  readonly startedAt: string
  readonly elapsed: number
  /** Number of inputs, once it is known. */
  readonly total?: number
  /**
   * Inputs per second over the last ten seconds. If no page was open then, over a longer time, at most the whole run.
   */
  readonly rate: number
  /** Time that the remaining inputs take at that rate. */
  readonly left?: number
  readonly backend?: string
  readonly options: Readonly<Record<string, string>>
  /** The most frequent failures. */
  readonly failures: ReadonlyArray<FailureCount>
  /** Number of failed inputs that are not counted in `failures`. */
  readonly failuresLeft: number
  /** True once `/reports/<id>` has its report. */
  readonly hasReport: boolean
}

/**
 * The outcome of an input. `startedAt` and `elapsed` are in milliseconds; `startedAt` counts from the start of the run.
 */
export interface LiveOutcome {
  /** Number of the outcome among the outcomes of all runs, from 0. */
  readonly seq: number
  readonly run: number
  readonly index: number
  readonly _tag: "Success" | "Failure"
  readonly input: string
  readonly attempts: number
  readonly startedAt: number
  readonly elapsed: number
  readonly worker: number
  /** The cause is absent if very many inputs fail in a short time. */
  readonly error?: { readonly message: string; readonly cause?: string }
}

/** An input in progress. */
export interface LiveInput {
  readonly run: number
  readonly index: number
  readonly input: string
  readonly worker: number
  /** Time since its start in milliseconds. */
  readonly since: number
}

/**
 * An event. The first has the last outcomes, later ones have the outcomes since the previous event. At most ten per
 * second.
 */
export interface Update {
  /** Runs in progress, and the last runs that have ended. */
  readonly runs: ReadonlyArray<LiveRun>
  /** Number of runs that are not in `runs`. */
  readonly runsLeft: number
  /** Outcomes in the order in which they arrived, at most the last thousand. */
  readonly outcomes: ReadonlyArray<LiveOutcome>
  /** Number of outcomes so far. */
  readonly settled: number
  /** Inputs in progress, the longest running first. */
  readonly inputs: ReadonlyArray<LiveInput>
  /** Flows that the runs have walked. */
  readonly flows: NonNullable<Json["flows"]>
  /** True in the last event, when the program has closed the dashboard. */
  readonly over: boolean
}
