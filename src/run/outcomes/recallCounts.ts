/**
 * What a run with a journal tells of its inputs: how many were known, and why the others ran.
 */

export class RecallCounts {
  /** Numbers of inputs whose outcome was known, that were not recorded, and that had failed before. */
  recalled = 0
  unseen = 0
  failedBefore = 0
  /** What was told when all inputs were taken, and when (nanoseconds). */
  private told: { readonly text: string; readonly at: number } | undefined

  /** Returns what there is to tell when all inputs were taken; undefined if nothing was known, or it was told. */
  announce(name: string, now: number): string | undefined {
    if (this.recalled === 0 || this.told !== undefined) return undefined
    this.told = { text: this.textOf(name), at: now }
    return this.told.text
  }

  /** Returns what there is to tell when the run is over; undefined if that was told within the last second. */
  conclude(name: string, now: number): string | undefined {
    const { told } = this
    const text = this.textOf(name)
    return told?.text === text && now - told.at < 1e9 ? undefined : text
  }

  private textOf(name: string): string {
    const { failedBefore, recalled, unseen } = this
    const why = [
      ...(unseen > 0 ? [`${spaced(unseen)} not seen before`] : []),
      ...(failedBefore > 0 ? [`${spaced(failedBefore)} failed before`] : [])
    ]
    const ran = `${spaced(recalled)} recalled, ${spaced(unseen + failedBefore)} run`
    return `${name}: ${ran}${why.length === 0 ? "" : `: ${why.join(", ")}`}`
  }
}

/** Shows a number with spaces between its thousands. */
export const spaced = (number: number): string => String(number).replace(/\B(?=(\d{3})+$)/g, " ")
