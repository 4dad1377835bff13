/**
 * The inputs of a run whose machines were lost. One of them may be the cause.
 *
 * An input that a lost machine had begun, or the first of its batch without an exit, is a suspect and is sent alone
 * from then on. The other inputs of the batch are sent in smaller parts, so that a culprit whose start was never
 * reported is soon isolated.
 */

/** Number of batches into which a batch is split whose machine was lost. */
const partsOfLost = 32

type InputIndex = number | undefined

export class RunLosses {
  /** Makes an input a suspect although no machine was lost with it. */
  suspect(index: InputIndex): void {
    this.losses.set(index, this.of(index))
  }

  /** Number of machines that were lost while they had an input, by the index of the input. */
  private readonly losses = new Map<InputIndex, number>()
  /** Greatest size of a batch with an input, by the index of the input. */
  private readonly parts = new Map<InputIndex, number>()

  isSuspect(index: InputIndex): boolean {
    return this.losses.size > 0 && this.losses.has(index)
  }

  /** Returns the number of machines that were lost while they had an input. */
  of(index: InputIndex): number {
    return this.losses.get(index) ?? 0
  }

  /** Counts one more loss of a machine at an input. Returns the number of losses. */
  count(index: InputIndex): number {
    const count = this.of(index) + 1
    this.losses.set(index, count)
    return count
  }

  /** Limits the size of batches with these inputs, which belonged to a lost batch and have no exit. */
  cutDown(indices: ReadonlyArray<InputIndex>): void {
    const most = Math.max(1, Math.floor(indices.length / partsOfLost))
    for (const index of indices) this.parts.set(index, most)
  }

  /** Makes a function that decides, for increasing positions of a batch, whether an input may join those before it. */
  joining(index: (position: number) => InputIndex): (position: number) => boolean {
    const { parts } = this
    let most = this.isSuspect(index(0)) ? 1 : parts.get(index(0)) ?? Infinity
    return (position) => {
      if (parts.size > 0) most = Math.min(most, parts.get(index(position)) ?? Infinity)
      return position < most && !this.isSuspect(index(position))
    }
  }
}
