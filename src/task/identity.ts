/**
 * What runs are known by to backends.
 */

/** Text that differs from program to program, and number of the last run. */
let program: string | undefined
let last = 0

class Identity {
  readonly name: string
  private made: string | undefined = undefined

  constructor(name: string) {
    this.name = name
  }

  /** Made when it is asked for: most backends do not need it. */
  get id(): string {
    program ??= globalThis.crypto.randomUUID()
    return this.made ??= `${program}-${++last}`
  }
}

/** Makes the identity of a run with this name. */
export const make = (name: string): { readonly id: string; readonly name: string } => new Identity(name)
