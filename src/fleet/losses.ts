/**
 * What a run has learned of inputs whose machines were lost: one of them may be the reason.
 *
 * An input that a lost machine had begun, or the first of its batch without an exit, is a suspect: it goes by itself from then on.
 * The others of the batch go in parts, so that one of which nobody was told soon stands alone.
 */

/** How many batches are made of one whose machine was lost. */
const partsOfLost = 32

type InputIndex = number | undefined

export class RunLosses {
  /** Takes an input for a suspect, though no machine was lost with it. */
  suspect(index: InputIndex): void {
    this.losses.set(index, this.of(index))
  }

  /** Number of machines that were lost while they had an input, by its index. */
  private readonly losses = new Map<InputIndex, number>()
  /** Greatest number of inputs of a batch with this one. */
  private readonly parts = new Map<InputIndex, number>()

  isSuspect(index: InputIndex): boolean {
    return this.losses.size > 0 && this.losses.has(index)
  }

  /** Number of machines that were lost while they had an input. */
  of(index: InputIndex): number {
    return this.losses.get(index) ?? 0
  }

  /** Counts one more loss of a machine at an input, and returns how many there are. */
  count(index: InputIndex): number {
    const count = this.of(index) + 1
    this.losses.set(index, count)
    return count
  }

  /** Has inputs of a lost batch that have no exit go in smaller ones. */
  cutDown(indices: ReadonlyArray<InputIndex>): void {
    const most = Math.max(1, Math.floor(indices.length / partsOfLost))
    for (const index of indices) this.parts.set(index, most)
  }

  /** Makes what tells, for one position of a batch after another, whether its input may join those before. */
  joining(index: (position: number) => InputIndex): (position: number) => boolean {
    const { parts } = this
    let most = this.isSuspect(index(0)) ? 1 : parts.get(index(0)) ?? Infinity
    return (position) => {
      if (parts.size > 0) most = Math.min(most, parts.get(index(position)) ?? Infinity)
      return position < most && !this.isSuspect(index(position))
    }
  }
}
