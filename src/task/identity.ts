/**
 * The identity by which backends know a run.
 */

/** A text that is unique to this program. */
let program: string | undefined
/** Number of the last run that has an identifier. */
let last = 0

class Identity {
  readonly name: string
  private made: string | undefined = undefined

  constructor(name: string) {
    this.name = name
  }

  /** The identifier, made on demand because most backends do not need it. */
  get id(): string {
    program ??= globalThis.crypto.randomUUID()
    return this.made ??= `${program}-${++last}`
  }
}

/** Makes the identity of a run with this name. */
export const make = (name: string): { readonly id: string; readonly name: string } => new Identity(name)
