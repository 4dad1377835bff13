import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as Program from "../../examples/vote/Program.ts"
import { drive, pass, Probe } from "../helpers.ts"

describe("majority vote", () => {
  it.effect("ends with the vote that makes the majority certain, and interrupts those who have not voted", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Program.run("What is the capital of Australia?"))
      yield* pass(79)
      const early = fiber.pollUnsafe()
      yield* pass(1)

      assert.strictEqual(early, undefined)
      assert.deepStrictEqual(
        fiber.pollUnsafe(),
        Exit.succeed("Canberra, by 5 of 9 votes; not waited for: 1")
      )
    }).pipe(Effect.provide(Program.Voters.layerStub)))

  it.effect("ends as soon as no majority is possible", () =>
    Effect.gen(function*() {
      const probe = new Probe()
      const exit = yield* drive(
        Program.run("?").pipe(Effect.provideService(Program.Voters, {
          count: 5,
          ask: (voter) => probe.watch(voter, Effect.delay(Effect.succeed(`${voter % 4}`), 10 * (voter + 1)))
        }))
      )

      assert.deepStrictEqual(exit, Exit.succeed("no majority among 5 voters"))
      assert.deepStrictEqual([probe.ended, probe.interrupted], [[0, 1, 2, 3], [4]])
    }))

  it("a verdict is certain when more than half agree, or nobody can reach that any more", () => {
    assert.strictEqual(Program.verdict({ votes: { a: 2, b: 1 }, voters: 5, open: 2 }), undefined)
    assert.deepStrictEqual(Program.verdict({ votes: { a: 3 }, voters: 5, open: 2 }), { majority: "a" })
    assert.deepStrictEqual(Program.verdict({ votes: { a: 2, b: 2 }, voters: 5, open: 0 }), { majority: undefined })
    assert.deepStrictEqual(Program.verdict({ votes: { a: 2, b: 2 }, voters: 4, open: 0 }), { majority: undefined })
  })
})
