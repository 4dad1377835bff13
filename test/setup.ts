/**
 * Setup of every test on the test clock: a turn of the event loop is measured by the processor time of its thread.
 *
 * A run yields to the event loop after a slice of real time. A test on the test clock is over long before that. But if
 * other programs keep its thread waiting, a run would yield at random points.
 */
import { vi } from "vitest"
import { worked } from "./helpers.ts"

vi.mock(
  import("../src/primitives/clock.ts"),
  async (original) => ({ ...await original(), timer: { now: worked } as never })
)
