import { describe, it } from "@effect/vitest"
import { checkPromise } from "./fibers.ts"
import { campaign } from "./fuzz.ts"

/** How long the programs of each test are drawn, in milliseconds. */
const millis = Number(process.env["FUZZ_MILLIS"] ?? 3000)

describe("programs at random", () => {
  it("do on fibers what a model says, within their bounds, and leave nothing behind", async () => {
    await campaign({ backend: "fibers", check: checkPromise, seed: 1, until: { millis }, taste: { harsh: true } })
  }, 60_000 + millis)
})
