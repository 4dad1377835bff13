/**
 * The contract of spectators: who sees what becomes of the inputs of runs, and by which edges flows are walked.
 *
 * A progress reads counts when it wants to; a spectator is told of each input. A report is one, for the runs inside its own, and so is
 * a dashboard. A run that nobody sees looks this up once and pays nothing for its inputs.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { Run } from "./contract.ts"

/** An input on its way, as spectators see it. Times are nanoseconds of the monotonic clock. */
export interface SeenItem {
  readonly index: number
  readonly input: unknown
  readonly attempts: number
  readonly startedAt: number
  readonly endedAt: number
  readonly worker: number
  readonly recorded: object | undefined
}

/** A run that begins. */
export interface SeenRun {
  readonly run: Run
  /** Index of the input, in the run around, whose attempt has started it; undefined outside of attempts. */
  readonly index: number | undefined
  /** Start in nanoseconds of the monotonic clock, and in milliseconds since 1970. */
  readonly beganAt: number
  readonly startedAt: number
  readonly backend: string | undefined
  /** Makes texts of its options, by their names. */
  readonly options: () => Readonly<Record<string, string>>
  /** Shows an input as a line of text. */
  readonly show: (input: unknown) => string
}

/** Target of an edge: a node, or an exit of the flow, by the action that led there or by another. */
type EdgeTarget = string | { readonly _tag: "End" } | { readonly _tag: "Leave"; readonly action: string }

/** The structure of a flow, as far as it is drawn. */
export interface SeenFlow {
  /** Path of the flow: the names from the outermost down. */
  readonly name: string
  /** The wiring of the flow, which is the same object for each walk. */
  readonly wiring: SeenWiring
}

export interface SeenWiring {
  readonly start: string
  readonly nodes: Readonly<Record<string, { readonly graph: { readonly _tag: NodeKind } }>>
  readonly on: Readonly<Record<string, Readonly<Record<string, EdgeTarget>>>>
}

/** Kind of a node. */
type NodeKind = "Node" | "BatchNode" | "Flow" | "BatchFlow" | "FanOut" | "Race"

/** One walk through a flow. */
export interface SeenWalk {
  readonly entered: (node: string) => void
  /** The node was left by an action. */
  readonly left: (node: string, action: string) => void
  readonly failed: (node: string) => void
}

/** Sees the runs and flows that begin inside. What it is told is not to throw: it would throw into the run. */
export interface Spectator {
  /** True if it wants to know of all attempts and their times, and not only of failures. */
  readonly detailed: boolean
  readonly open: (run: SeenRun) => SeenInputs
  readonly walk: (flow: SeenFlow) => SeenWalk
}

/** Sees the inputs of one run, and what begins inside of it. */
export interface SeenInputs extends Spectator {
  /** An attempt begins: now, unless it is said when. */
  readonly began: (item: Pick<SeenItem, "index" | "input">, worker: number, at?: number) => void
  /** An attempt has ended, and its input has no outcome yet. */
  readonly left: (index: number, worker: number) => void
  readonly succeeded: (item: SeenItem) => void
  readonly failed: (item: SeenItem, cause: Cause.Cause<unknown>) => void
  readonly ended: (exit: Exit.Exit<unknown, unknown>, at: number) => void
  /** Is given the report of the run, if it has one. */
  readonly reported: (report: unknown) => void
}

/** The spectators of what begins inside an effect. */
export const Spectators: Context.Reference<ReadonlyArray<Spectator>> = Context.Reference<ReadonlyArray<Spectator>>(
  "effect-parallel/Spectators",
  { defaultValue: () => [] }
)
