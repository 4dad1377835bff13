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

  const room = { columns: 80, rows: Infinity, label: (path: string) => path }

  it("has the summaries, the failures by kind, and the count", () => {
    assert.strictEqual(
      Table.make(report, room),
      lines(
        "text                 summary",
        "docs/a.md            First 文 sentence.",
        "much/longer/path.md  Second.",
        "",
        "✗ Empty × 1",
        "  b.md: is empty (4 attempts)",
        "✗ RangeError × 1",
        "  c.md: a bug\uFFFD[31m",
        "2 of 4 texts summarized, 2 failed, in 1.2 s"
      )
    )
  })

  it("fits a terminal: cuts paths on the left, cuts summaries on the right, and counts hidden rows", () => {
    const [header, first, second] = Table.make(report, { ...room, columns: 30, rows: 24 }).split("\n")
    const many = Report.make({
      name: "summaries",
      elapsed: Duration.zero,
      outcomes: Array.from({ length: 90 }, (_, n) =>
        n % 9 === 0
          ? Outcome.failure({ ...settled(n, `${n}.md`), cause: Cause.fail(new Texts.Empty({ bytes: 0 })) })
          : Outcome.success({ ...settled(n, `${n}.md`), value: { words: 20, sentence: "Many." } }))
    })
    const small = Table.make(many, { ...room, rows: 24 }).split("\n")

    assert.strictEqual(header, "text        summary")
    assert.strictEqual(first, "docs/a.md   First 文 sentence.")
    assert.strictEqual(second, "…r/path.md  Second.")
    assert.include(small, "… and 66 more (--all shows them)")
    assert.include(small, "  0.md: is empty, and 9 more")
    assert.isAtMost(small.length, 24 - 4)
  })

  it("is lines separated by tabs for other programs", () => {
    assert.deepStrictEqual(Table.lines(report), [
      "docs/a.md\t1234\tFirst 文 sentence.",
      "much/longer/path.md\t20\tSecond."
    ])
  })
})
