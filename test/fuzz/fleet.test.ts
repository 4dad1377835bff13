import { describe, it } from "@effect/vitest"
import { campaign } from "./fleet.ts"

describe("schedules at random", () => {
  it("of what happens to machines leave each input its one outcome", async () => {
    await campaign(Number(process.env["FLEET_SEED"] ?? 1), Number(process.env["FLEET_SCHEDULES"] ?? 200))
  }, 3_600_000)
})
