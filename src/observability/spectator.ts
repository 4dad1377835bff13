/**
 * The contract of spectators, which see the outcomes of the inputs of runs, and the edges that flows follow.
 *
 * A progress reads counts when it wants to; a spectator is called for each input. A report is a spectator of the runs
 * inside its own, and a dashboard is one too. A run without spectators checks that once and pays nothing for its
 * inputs.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { Run } from "./contract.ts"

/** An input on its way, as spectators see it. Times are in nanoseconds of the monotonic clock. */
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
  /** Index of the input, in the run around, whose attempt has started this run. Undefined outside of attempts. */
  readonly index: number | undefined
  /** Start in nanoseconds of the monotonic clock, and in milliseconds since 1970. */
  readonly beganAt: number
  readonly startedAt: number
  readonly backend: string | undefined
  /** Makes texts of its options, by name. */
  readonly options: () => Readonly<Record<string, string>>
  /** Shows an input as a line of text. */
  readonly show: (input: unknown) => string
}

/** Target of an edge: a node, or an exit of the flow by the action that led there or by another action. */
type EdgeTarget = string | { readonly _tag: "End" } | { readonly _tag: "Leave"; readonly action: string }

/** The structure of a flow, as far as it is drawn. */
export interface SeenFlow {
  /** Path of the flow: the names from the outermost flow to this one. */
  readonly name: string
  /** The wiring of the flow, which is the same object for each walk. */
  readonly wiring: SeenWiring
}

export interface SeenWiring {
  readonly start: string
  readonly nodes: Readonly<Record<string, { readonly graph: { readonly _tag: NodeKind } }>>
  readonly on: Readonly<Record<string, Readonly<Record<string, EdgeTarget>>>>
}

type NodeKind = "Node" | "BatchNode" | "Flow" | "BatchFlow" | "FanOut" | "Race"

/** One execution of a flow. */
export interface SeenWalk {
  readonly entered: (node: string) => void
  /** Called when the flow leaves the node by an action. */
  readonly left: (node: string, action: string) => void
  readonly failed: (node: string) => void
}

/** Sees the runs and flows that begin inside. Its functions must not throw: they would throw into the run. */
export interface Spectator {
  /** True if it needs all attempts and their times, and not only failures. */
  readonly detailed: boolean
  readonly open: (run: SeenRun) => SeenInputs
  readonly walk: (flow: SeenFlow) => SeenWalk
}

/** Sees the inputs of one run, and what begins inside it. */
export interface SeenInputs extends Spectator {
  /** Called when an attempt begins: at `at`, or now if that is absent. */
  readonly began: (item: Pick<SeenItem, "index" | "input">, worker: number, at?: number) => void
  /** Called when an attempt has ended and its input has no outcome yet. */
  readonly left: (index: number, worker: number) => void
  readonly succeeded: (item: SeenItem) => void
  readonly failed: (item: SeenItem, cause: Cause.Cause<unknown>) => void
  readonly ended: (exit: Exit.Exit<unknown, unknown>, at: number) => void
  /** Called with the report of the run, if it has one. */
  readonly reported: (report: unknown) => void
}

/** The spectators of what begins inside an effect. */
export const Spectators: Context.Reference<ReadonlyArray<Spectator>> = Context.Reference<ReadonlyArray<Spectator>>(
  "effect-parallel/Spectators",
  { defaultValue: () => [] }
)
