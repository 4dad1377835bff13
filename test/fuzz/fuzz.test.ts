import { describe, it } from "@effect/vitest"
import { checkPromise } from "./fibers.ts"
import { campaign } from "./fuzz.ts"

/** Time for which each test draws programs, in milliseconds. */
const millis = Number(process.env["FUZZ_MILLIS"] ?? 3000)

describe("random programs", () => {
  it("do the same on fibers as a model, within their limits, and leave nothing behind", async () => {
    await campaign({ backend: "fibers", check: checkPromise, seed: 1, until: { millis }, taste: { harsh: true } })
  }, 60_000 + millis)
})
