import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Stdio, Terminal } from "effect"
import { Journal } from "effect-parallel"
import { TestConsole } from "effect/testing"
import * as Model from "../../../examples/summarise/Model.ts"
import * as Program from "../../../examples/summarise/Program.ts"
import { Summariser } from "../../../examples/summarise/Summariser.ts"
import { range } from "../../helpers.ts"

/** Makes a function that returns the effect on every third call, and "Yes." otherwise. */
const thirdTime = (effect: Effect.Effect<never>) => {
  let calls = 0
  return () => Effect.suspend(() => ++calls % 3 === 0 ? effect : Effect.succeed("Yes."))
}

describe("Program", () => {
  const platform = Layer.mergeAll(
    NodeFileSystem.layer,
    Journal.layerMemory,
    Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(true) }),
    Layer.mock(Terminal.Terminal, {
      "~effect/Terminal": "~effect/Terminal",
      columns: Effect.succeed(80),
      rows: Effect.succeed(24)
    })
  )
  const summariser = (summarise: Summariser["Service"]["summarise"]) =>
    Layer.succeed(Summariser, { method: "by heart", isBusy: false, summarise })

  const run = Effect.fnUntraced(function*(count: number, settings?: Partial<Program.Settings>) {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const text = "There are many texts like it. This one is of no interest to anyone but those who test with it."
    yield* Effect.forEach(range(count), (n) => fs.writeFileString(`${folder}/${n}.md`, text))
    return yield* Program.run({
      paths: [folder],
      concurrency: 2,
      timeout: "1 minute",
      all: false,
      watch: false,
      packages: "",
      ...settings
    })
  })
  const output = Effect.map(TestConsole.logLines, (lines) => lines.join("\n"))

  it.effect("shows as many summaries as fit on the terminal and counts the others, or shows all", () =>
    Effect.gen(function*() {
      yield* run(50)
      const some = yield* output
      yield* run(50, { all: true })
      const all = (yield* output).slice(some.length)

      assert.isAtMost(some.split("\n").length, 24)
      assert.match(some, /\n… and 34 more \(--all shows them\)\n\n50 of 50 texts summarized/)
      assert.strictEqual(some.match(/Yes\./g)?.length, 16)
      assert.strictEqual(all.match(/Yes\./g)?.length, 50)
    }).pipe(Effect.provide([platform, summariser(() => Effect.succeed("Yes."))])))

  it.effect("stops by default when half of the texts have failed, but not before 20 have", () =>
    Effect.gen(function*() {
      const few = yield* Effect.flip(run(19))
      const more = yield* Effect.flip(run(22))

      assert.instanceOf(few, Program.NothingSummarised)
      assert.instanceOf(more, Program.TooManyFailed)
      assert.deepInclude(more, { limit: 20, failed: 20, done: 20, texts: 22 })
      assert.strictEqual(Program.budget(101), 51)
    }).pipe(Effect.provide([
      platform,
      summariser(() => Effect.fail(new Model.Refused({ status: 402, said: "no money" })))
    ])))

  it.effect("a bug of the summarizer fails only its text", () =>
    Effect.gen(function*() {
      yield* run(3)

      assert.match(yield* output, /✗ RangeError × 1\n {2}.*\.md: a bug\n2 of 3/)
    }).pipe(Effect.provide([platform, summariser(thirdTime(Effect.die(new RangeError("a bug"))))])))
})
