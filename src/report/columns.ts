/**
 * A report as columns, which is its form in its page. The names of fields appear only once, so the page has a third of
 * the size, and a browser reads it in a third of the time. The viewer is bundled with this module, so it imports only
 * types.
 */
import type { Json } from "./json.ts"

type SettledJson = Json["outcomes"][number]

/** Fields that only some outcomes have. */
type Others = Pick<SettledJson, "waits" | "value" | "error" | "history" | "recorded">

/** A report whose outcomes are columns. */
export interface Columns extends Omit<Json, "outcomes"> {
  readonly columns: {
    /** Index of each outcome. Absent if it is the place of the outcome. */
    readonly index?: ReadonlyArray<number>
    /** `s` for each outcome that succeeded, and `f` for each that failed. */
    readonly tags: string
    readonly input: ReadonlyArray<string>
    readonly attempts: ReadonlyArray<number>
    readonly startedAt: ReadonlyArray<number>
    readonly elapsed: ReadonlyArray<number>
    readonly worker: ReadonlyArray<number>
    /** Fields that only some outcomes have, by place. */
    readonly more: ReadonlyArray<readonly [place: number, fields: Others]>
  }
}

/** Puts the outcomes of a report into columns. */
export const toColumns = ({ outcomes, ...head }: Json): Columns => {
  const more: Array<readonly [number, Others]> = []
  for (const [place, { error, history, recorded, value, waits }] of outcomes.entries()) {
    const others = {
      ...(waits !== undefined && { waits }),
      ...(value !== undefined && { value }),
      ...(error !== undefined && { error }),
      ...(history !== undefined && { history }),
      ...(recorded !== undefined && { recorded })
    }
    if (Object.keys(others).length > 0) more.push([place, others])
  }
  return {
    ...head,
    columns: {
      ...(outcomes.some(({ index }, place) => index !== place) && { index: outcomes.map(({ index }) => index) }),
      tags: outcomes.map(({ _tag }) => _tag === "Success" ? "s" : "f").join(""),
      input: outcomes.map(({ input }) => input),
      attempts: outcomes.map(({ attempts }) => attempts),
      startedAt: outcomes.map(({ startedAt }) => startedAt),
      elapsed: outcomes.map(({ elapsed }) => elapsed),
      worker: outcomes.map(({ worker }) => worker),
      more
    }
  }
}

/** Makes a report from columns. */
export const fromColumns = ({ columns, ...head }: Columns): Json => {
  const { attempts, elapsed, index, input, more, startedAt, tags, worker } = columns
  const outcomes = input.map((input, place): SettledJson => ({
    index: index === undefined ? place : index[place]!,
    _tag: tags[place] === "s" ? "Success" : "Failure",
    input,
    attempts: attempts[place]!,
    startedAt: startedAt[place]!,
    elapsed: elapsed[place]!,
    worker: worker[place]!
  }))
  for (const [place, others] of more) outcomes[place] = { ...outcomes[place]!, ...others }
  return { ...head, outcomes }
}
