import { describe, it } from "@effect/vitest"
import { campaign } from "./fleet.ts"

describe("random schedules", () => {
  it("of machine failures leave each input exactly one outcome", async () => {
    await campaign(Number(process.env["FLEET_SEED"] ?? 1), Number(process.env["FLEET_SCHEDULES"] ?? 200))
  }, 3_600_000)
})
