/** Nested runs by name, as a tree. */
import { type Group, grouped } from "./groups.ts"
import type { Nested } from "./model.ts"

/** All runs of one name whose surrounding runs have the same names. */
export interface Branch {
  readonly name: string
  readonly depth: number
  readonly runs: ReadonlyArray<Nested>
  readonly inputs: number
  readonly succeeded: number
  readonly failed: number
  readonly elapsed: number
  readonly failures: ReadonlyArray<Group>
}

/** Groups nested runs by their names and the names of the runs around them. Each group comes before those inside it. */
export const branchesOf = (nested: ReadonlyArray<Nested>): ReadonlyArray<Branch> => {
  const inside = Map.groupBy(nested, ({ parent }) => parent)
  const branches: Array<Branch> = []
  const visit = (runs: ReadonlyArray<Nested>, depth: number) => {
    for (const [name, same] of Map.groupBy(runs, ({ name }) => name)) {
      branches.push({
        name,
        depth,
        runs: same,
        inputs: sum(same, ({ tally }) => tally.total),
        succeeded: sum(same, ({ tally }) => tally.succeeded),
        failed: sum(same, ({ tally }) => tally.failed),
        elapsed: sum(same, ({ elapsed }) => elapsed),
        failures: groupsOfNested(same)
      })
      visit(same.flatMap(({ place }) => inside.get(place) ?? []), depth + 1)
    }
  }
  visit(inside.get(undefined) ?? [], 0)
  return branches
}

const sum = (runs: ReadonlyArray<Nested>, of: (run: Nested) => number): number =>
  runs.reduce((sum, run) => sum + of(run), 0)

/** Groups the failures of nested runs by kind. */
const groupsOfNested = (runs: ReadonlyArray<Pick<Nested, "failures">>): ReadonlyArray<Group> =>
  grouped(runs.flatMap(({ failures = [] }) => failures.map((failure) => ({ ...failure, places: [] }))))
