/**
 * Timers of Node.js for any number of milliseconds. `setTimeout` takes at most 24.8 days, and fires immediately beyond
 * that.
 */

/** Greatest number of milliseconds that `setTimeout` takes. */
const longest = 2 ** 31 - 1

export class LongTimeout {
  private readonly action: () => void
  private left: number
  private timer: NodeJS.Timeout

  /** Calls `action` after `millis` milliseconds. Never calls it if they are infinite. */
  constructor(action: () => void, millis: number) {
    this.action = action
    this.left = millis
    this.timer = this.start()
  }

  /** Lets the program end before the timer does. */
  unref(): this {
    this.timer.unref()
    return this
  }

  clear(): void {
    clearTimeout(this.timer)
  }

  private start(): NodeJS.Timeout {
    const step = Math.min(this.left, longest)
    this.left -= step
    return setTimeout(() => {
      if (this.left <= 0) return this.action()
      const isHeld = this.timer.hasRef()
      this.timer = this.start()
      if (!isHeld) this.timer.unref()
    }, step)
  }
}
