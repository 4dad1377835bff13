/**
 * The inputs of a batch, in the cheapest form: no object is made for an input that does not come back.
 */
import type { Item } from "../inputs/item.ts"

/** The inputs of a batch, with their items if they may be tried again. */
export class BatchInputs<I> {
  readonly inputs: Array<I>
  readonly items: Array<Item<I>> | undefined
  /** Items of inputs that have begun before, by position, where the other inputs have no items. */
  readonly begun = new Map<number, Item<I>>()
  /** The straggler of which this is a copy, with its round. */
  copyOf: { readonly item: Item<I>; readonly round: number } | undefined = undefined
  /** Index of the first input, if the others follow it. Otherwise `indices` has the index of each. */
  private readonly first: number
  private readonly indices: Array<number> | undefined

  constructor(revisits: boolean, inputs?: Array<I>, first = 0) {
    this.inputs = inputs ?? []
    this.items = revisits ? [] : undefined
    this.first = first
    this.indices = inputs === undefined ? [] : undefined
  }

  /** Adds an input. `returned` is its item, where the item is not kept otherwise. */
  push(item: Item<I>, returned?: Item<I>): void {
    if (returned !== undefined && returned.attempts > 0) this.begun.set(this.inputs.length, returned)
    this.indices!.push(item.index)
    this.inputs.push(item.input)
    this.items?.push(item)
  }

  index(position: number): number {
    return this.indices === undefined ? this.first + position : this.indices[position]!
  }

  /** Index of the first input, if the others are known to follow it. */
  get inOrderFrom(): number | undefined {
    return this.indices === undefined ? this.first : undefined
  }

  /** Function that returns the attempt number at a position. Undefined if all are first attempts. */
  get attempt(): ((position: number) => number) | undefined {
    const { begun, items } = this
    if (items === undefined && begun.size === 0) return undefined
    // a copy, because the number of an item grows when a copy of it starts
    const numbers = this.inputs.map((_, position) => (items?.[position] ?? begun.get(position))?.attempts ?? 1)
    return (position) => numbers[position]!
  }

  /** Function that returns the key of the input at a position. Undefined without a journal. */
  get key(): ((position: number) => string) | undefined {
    const { items } = this
    return items === undefined || items[0]?.key === "" ? undefined : (position) => items[position]!.key
  }
}
