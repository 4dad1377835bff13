/**
 * The machines that a program knows, and the numbers of their workers.
 */
import { KnownMachine } from "./machine.ts"

/** Number of machines that have left that are remembered. */
const mostLeft = 1000

export class Machines {
  /** Time since which there is no machine. `undefined` if there is one. */
  emptySince: number | undefined
  private readonly now: () => number
  private readonly byName = new Map<string, KnownMachine>()
  /** Sessions of machines that have left. Their earlier messages may arrive later. */
  private readonly left = new Set<string>()
  private readonly listeners = new Set<() => void>()
  /** Number of each worker, by its machine and its number there. */
  private readonly numbers = new Map<string, number>()
  /** Machine of each worker number. */
  private readonly places: Array<string> = []

  constructor(now: () => number) {
    this.now = now
    this.emptySince = now()
  }

  get all(): ReadonlyArray<KnownMachine> {
    return [...this.byName.values()]
  }

  get size(): number {
    return this.byName.size
  }

  /** Number of workers of all machines. It is 1 while there is no machine, so that a batch can wait for one. */
  get workers(): number {
    let slots = 0
    for (const machine of this.byName.values()) slots += machine.slots
    return Math.max(1, slots)
  }

  /** Average round trip of a message in milliseconds. */
  get messageMillis(): number {
    let sum = 0
    for (const machine of this.byName.values()) sum += machine.messageMillis
    return this.size === 0 ? 0 : sum / this.size
  }

  get(name: string): KnownMachine | undefined {
    return this.byName.get(name)
  }

  /** Adds a machine. `before` is the session of the machine that it replaces, if any. */
  add(name: string, session: string, before: string | undefined): KnownMachine {
    const machine = new KnownMachine(name, session, this.now(), before)
    this.byName.set(name, machine)
    this.emptySince = undefined
    this.tell()
    return machine
  }

  /** Removes a machine that has left or is lost. Returns false if it was removed before. */
  remove(machine: KnownMachine, hasLeft: boolean): boolean {
    if (this.byName.get(machine.name) !== machine) return false
    this.byName.delete(machine.name)
    if (this.size === 0) this.emptySince = this.now()
    if (hasLeft) this.left.add(machine.session)
    if (this.left.size > mostLeft) this.left.delete(this.left.values().next().value!)
    return true
  }

  hasLeft(session: string): boolean {
    return this.left.has(session)
  }

  /** Notifies listeners that the number of workers has changed. */
  tell(): void {
    for (const changed of this.listeners.values().toArray()) changed()
  }

  readonly onResize = (changed: () => void): () => void => {
    this.listeners.add(changed)
    return () => this.listeners.delete(changed)
  }

  /** Numbers a worker of a machine. A machine that comes back with the same name keeps its numbers. */
  readonly numberOf = ({ name }: KnownMachine, worker: number): number => {
    const key = `${worker} ${name}`
    let number = this.numbers.get(key)
    if (number === undefined) this.numbers.set(key, number = this.places.push(name) - 1)
    return number
  }

  readonly machineOf = (worker: number): string | undefined => this.places[worker]
}
