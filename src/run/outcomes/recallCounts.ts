/**
 * Counts for the messages of a run with a journal: how many inputs were recalled, and why the others ran.
 */

export class RecallCounts {
  /** Number of inputs whose outcome was recalled, of those not recorded, and of those that had failed before. */
  recalled = 0
  unseen = 0
  failedBefore = 0
  /** The text that was logged when all inputs were taken, and the time of that, in nanoseconds. */
  private told: { readonly text: string; readonly at: number } | undefined

  /**
   * Returns the text to log when all inputs are taken. Returns undefined if nothing was recalled, or a text was logged.
   */
  announce(name: string, now: number): string | undefined {
    if (this.recalled === 0 || this.told !== undefined) return undefined
    this.told = { text: this.textOf(name), at: now }
    return this.told.text
  }

  /**
   * Returns the text to log when the run is over. Returns undefined if the same text was logged within the last second.
   */
  conclude(name: string, now: number): string | undefined {
    const { told } = this
    const text = this.textOf(name)
    return told?.text === text && now - told.at < 1e9 ? undefined : text
  }

  private textOf(name: string): string {
    const { failedBefore, recalled, unseen } = this
    const why = [
      ...(unseen > 0 ? [`${withCommas(unseen)} not seen before`] : []),
      ...(failedBefore > 0 ? [`${withCommas(failedBefore)} failed before`] : [])
    ]
    const ran = `${withCommas(recalled)} recalled, ${withCommas(unseen + failedBefore)} run`
    return `${name}: ${ran}${why.length === 0 ? "" : `: ${why.join(", ")}`}`
  }
}

/** Writes a number with commas between its thousands. */
export const withCommas = (number: number): string => String(number).replace(/\B(?=(\d{3})+$)/g, ",")
