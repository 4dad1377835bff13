/** The state that a dashboard keeps of a program. It has a bounded number of outcomes, however many there are. */
import type { LiveOutcome, LiveRun, Update } from "../src/dashboard/messages.ts"

/** Greatest number of outcomes that are kept. */
const mostOutcomes = 1000

export type Connection = "connecting" | "live" | "lost" | "over"

export interface Live {
  readonly connection: Connection
  /** The last update without its outcomes. Undefined before the first. */
  readonly update: Omit<Update, "outcomes"> | undefined
  /** The latest outcomes, the oldest first. */
  readonly outcomes: ReadonlyArray<LiveOutcome>
}

export const nothing: Live = { connection: "connecting", update: undefined, outcomes: [] }

/** Adds an update. The first update of a connection has the latest outcomes, so it replaces the earlier ones. */
export const after = (live: Live, { outcomes, ...update }: Update, isFirst: boolean): Live => {
  const last = isFirst ? -1 : live.outcomes.at(-1)?.seq ?? -1
  const fresh = outcomes.filter(({ seq }) => seq > last)
  const kept = isFirst ? [] : live.outcomes
  return {
    connection: update.over ? "over" : "live",
    update,
    outcomes: fresh.length === 0 && !isFirst ? kept : [...kept, ...fresh].slice(-mostOutcomes)
  }
}

/** Puts each run after the run around it. Other runs keep their order. */
export const treeOf = (runs: ReadonlyArray<LiveRun>): ReadonlyArray<LiveRun> => {
  const known = new Set(runs.map(({ id }) => id))
  const inside = Map.groupBy(runs, ({ parent }) => parent !== undefined && known.has(parent) ? parent : undefined)
  const tree: Array<LiveRun> = []
  const visit = (parent: number | undefined) => {
    for (const run of inside.get(parent) ?? []) {
      tree.push(run)
      visit(run.id)
    }
  }
  visit(undefined)
  return tree
}

/**
 * Describes the state of the program in one sentence. It changes when runs begin, end, or begin to fail, but not with
 * every input.
 */
export const verdictOf = (runs: ReadonlyArray<LiveRun>): string => {
  const outermost = runs.filter(({ depth }) => depth === 0)
  const running = outermost.filter(({ state }) => state === "running")
  const failed = runs.some(({ failed }) => failed > 0)
  if (outermost.length === 0) return "No run has started yet"
  if (running.length > 0) {
    const which = running.length === 1 ? `${running[0]!.name} is running` : `${running.length} runs are running`
    return failed ? `✗ ${which}; some inputs failed` : `▸ ${which}; nothing has failed`
  }
  const whole = outermost.length === 1 ? `${outermost[0]!.name} has ended` : `All ${outermost.length} runs have ended`
  return failed ? `✗ ${whole}; some inputs failed` : `✓ ${whole}; nothing has failed`
}
