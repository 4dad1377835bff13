import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration } from "effect"
import { Outcome, Report } from "effect-parallel"
import * as Table from "../../../examples/summarise/Table.ts"
import * as Texts from "../../../examples/summarise/Texts.ts"

const lines = (...all: ReadonlyArray<string>): string => all.join("\n")

describe("Table", () => {
  const settled = (index: number, input: string) => ({
    index,
    input,
    attempts: 1,
    worker: 0,
    elapsed: Duration.millis(index * 1000)
  })
  const report = Report.make({
    name: "summaries",
    elapsed: Duration.millis(1234),
    outcomes: [
      Outcome.success({ ...settled(0, "docs/a.md"), value: { words: 1234, sentence: "First 文 sentence." } }),
      Outcome.failure({ ...settled(1, "b.md"), attempts: 4, cause: Cause.fail(new Texts.Empty({ bytes: 0 })) }),
      Outcome.failure({ ...settled(2, "c.md"), cause: Cause.die(new RangeError("a bug\u001B[31m")) }),
      Outcome.success({ ...settled(3, "much/longer/path.md"), value: { words: 20, sentence: "Second." } })
    ]
  })

  it("where there is no terminal nothing is cut", () => {
    assert.strictEqual(
      Table.make(report, { columns: Infinity, rows: Infinity }),
      lines(
        "file                 words   time  summary",
        "docs/a.md            1,234   1 ms  First 文 sentence.",
        "much/longer/path.md     20  3.0 s  Second.",
        "",
        "failed examples: 2",
        "Empty       b.md: is empty (4 attempts)",
        "RangeError  c.md: a bug\uFFFD[31m",
        "",
        "2 of 4 texts summarised, 2 failed, in 1.2 s"
      )
    )
  })

  it("a terminal cuts paths in front and summaries at its edge, and rows are counted that are not shown", () => {
    const [header, first, more] = Table.make(report, { columns: 40, rows: 1 }).split("\n")

    assert.strictEqual(header, "file       words  time  summary")
    assert.strictEqual(first, "docs/a.md  1,234  1 ms  First 文 senten…")
    assert.strictEqual(more, "… and 1 more (--all shows them)")
    assert.include(Table.make(report, { columns: 40, rows: 9 }), "…/longer/path.md")
  })
})
