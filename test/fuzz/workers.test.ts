import { describe, it } from "@effect/vitest"
import { campaign } from "./fuzz.ts"
import { mildTaskKinds } from "./program.ts"
import { checkOn } from "./workers.ts"

describe("programs at random", () => {
  for (const backend of ["threads", "processes"] as const) {
    it(`do on ${backend} what a model says`, async () => {
      await using workers = checkOn(backend)
      const taste = { kinds: mildTaskKinds, harsh: true, tasks: true, mostInputs: 24 }
      await campaign({ backend, check: workers.check, seed: 1, until: { programs: 20 }, taste })
    })
  }
})
