import { describe, it } from "@effect/vitest"
import { campaign } from "./fuzz.ts"
import { leavingNothing } from "./leftovers.ts"
import { mildTaskKinds } from "./program.ts"
import { checkOn } from "./workers.ts"

describe("random programs", () => {
  for (const backend of ["threads", "processes"] as const) {
    it(`do the same on ${backend} as a model`, async () => {
      const taste = { kinds: mildTaskKinds, harsh: true, tasks: true, mostInputs: 24 }
      const run = async (programs: number): Promise<void> => {
        await using workers = checkOn(backend)
        await campaign({ backend, check: workers.check, seed: 1, until: { programs }, taste })
      }
      // resources that the first program opens permanently do not count
      await run(1)
      await leavingNothing(() => run(12))
    })
  }
})
