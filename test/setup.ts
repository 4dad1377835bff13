/**
 * What comes before every test on the test clock: a turn of the event loop lasts as long as its thread has worked.
 *
 * A run gives way to the event loop when a turn has lasted for its slice of real time. A test on the test clock is over long
 * before; yet when other programs keep its thread waiting, a run would give way wherever that happens.
 */
import { vi } from "vitest"
import { worked } from "./helpers.ts"

vi.mock(
  import("../src/primitives/clock.ts"),
  async (original) => ({ ...await original(), timer: { now: worked } as never })
)
