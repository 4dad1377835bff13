import { describe, it } from "@effect/vitest"
import { campaign } from "./fuzz.ts"
import { leavingNothing } from "./leftovers.ts"
import { mildTaskKinds } from "./program.ts"
import { checkOn } from "./workers.ts"

describe("programs at random", () => {
  for (const backend of ["threads", "processes"] as const) {
    it(`do on ${backend} what a model says`, async () => {
      const taste = { kinds: mildTaskKinds, harsh: true, tasks: true, mostInputs: 24 }
      const run = async (programs: number): Promise<void> => {
        await using workers = checkOn(backend)
        await campaign({ backend, check: workers.check, seed: 1, until: { programs }, taste })
      }
      // what the first program opens for good is not left behind
      await run(1)
      await leavingNothing(() => run(12))
    })
  }
})
