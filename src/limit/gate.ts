/**
 * A gate: while it is closed, nothing starts.
 */
import * as Effect from "effect/Effect"
import { Turnstile } from "./turnstile.ts"
import type { Pass } from "./visit.ts"

export class GateTurnstile extends Turnstile<unknown> {
  readonly name: string
  override readonly mostOfBatch = Infinity
  readonly pause: Effect.Effect<void> = Effect.sync(() => this.set(false))
  readonly resume: Effect.Effect<void> = Effect.sync(() => this.set(true))
  private isOpen: boolean

  constructor(name: string, isOpen: boolean) {
    super(false)
    this.name = name
    this.isOpen = isOpen
  }

  private set(isOpen: boolean): void {
    this.isOpen = isOpen
    this.serve()
  }

  readonly size = Infinity

  protected freeAt(): number {
    return this.isOpen ? Infinity : 0
  }

  delay(): number {
    return this.isOpen ? 0 : Infinity
  }

  take(): Pass {
    this.running++
    return { end: () => void this.running-- }
  }
}
