/** What a dashboard knows of a program. It holds a bounded number of outcomes, however many there are. */
import type { LiveOutcome, LiveRun, Update } from "../src/dashboard/messages.ts"

/** Number of outcomes that are held at most. */
const mostOutcomes = 1000

export type Connection = "connecting" | "live" | "lost" | "over"

export interface Live {
  readonly connection: Connection
  /** The last update without its outcomes; nothing before the first. */
  readonly update: Omit<Update, "outcomes"> | undefined
  /** The last outcomes, the oldest first. */
  readonly outcomes: ReadonlyArray<LiveOutcome>
}

export const nothing: Live = { connection: "connecting", update: undefined, outcomes: [] }

/** Takes in an update. The first of a connection has the last outcomes, and so replaces those from before. */
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

/** Puts each run behind the one around it; others stay in their order. */
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

/** Says in one sentence how the program stands. It changes when runs begin, end, or begin to fail, not with every input. */
export const verdictOf = (runs: ReadonlyArray<LiveRun>): string => {
  const outermost = runs.filter(({ depth }) => depth === 0)
  const running = outermost.filter(({ state }) => state === "running")
  const failed = runs.some(({ failed }) => failed > 0)
  if (outermost.length === 0) return "No run has begun yet"
  if (running.length > 0) {
    const which = running.length === 1 ? `${running[0]!.name} is under way` : `${running.length} runs are under way`
    return failed ? `✗ ${which}, some inputs failed` : `▸ ${which}, nothing has failed`
  }
  const whole = outermost.length === 1 ? `${outermost[0]!.name} has ended` : `All ${outermost.length} runs have ended`
  return failed ? `✗ ${whole}, some inputs failed` : `✓ ${whole}, nothing has failed`
}
