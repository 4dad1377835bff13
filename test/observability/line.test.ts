import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { Progress } from "effect-parallel"
import { displayWidth } from "effect/cli/CliOutput"
import { bar } from "../../src/observability/line.ts"

const snapshot = (fields: Partial<Progress.Snapshot> = {}): Progress.Snapshot => ({
  id: 0,
  parent: undefined,
  depth: 0,
  name: "titles",
  total: 1200,
  done: 300,
  failed: 0,
  retried: 0,
  recalled: 0,
  running: 8,
  waiting: 0,
  limited: [],
  elapsed: Duration.seconds(6),
  rate: 50,
  left: Duration.seconds(18),
  state: "running",
  ...fields
})

const everything = snapshot({
  failed: 3,
  retried: 12,
  recalled: 7,
  waiting: 2,
  limited: [{ name: "tokens", waiting: 1 }, { name: "gate", waiting: 1200 }],
  name: "名前🙂 titles of pages that are long"
})

const inPlain = (snapshot: Progress.Snapshot, columns: number) => bar(snapshot, { columns, colour: false })

describe("the bar of a run", () => {
  it("has counts, time left, rate, and what is running", () => {
    assert.strictEqual(
      inPlain(snapshot(), 80),
      "titles  ━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  300 of 1,200 (25%)  18s left  50/s  8 running"
    )
  })

  it("has failures, retries, recalled and waiting inputs", () => {
    const line = inPlain(everything, 200)

    for (const part of ["3 failed", "12 retried", "7 recalled", "2 waiting"]) assert.include(line, part)
  })

  it("fits any width, and leaves out the least important parts first", () => {
    for (let columns = 1; columns <= 200; columns++) {
      assert.isAtMost(displayWidth(inPlain(everything, columns)), Math.max(1, columns - 1), `${columns} columns`)
      assert.isAtMost(displayWidth(bar(everything, { columns, colour: true })), Math.max(1, columns - 1))
    }
    assert.strictEqual(inPlain(snapshot({ failed: 3 }), 40), "titles  300 of 1,200 (25%)  3 failed")
    assert.strictEqual(inPlain(snapshot(), 4), "ti…")
  })

  it("has no bar and no time left if the total is unknown", () => {
    const line = inPlain(snapshot({ total: undefined, left: undefined }), 100)

    assert.strictEqual(line, "titles  300  6.0s  50/s  8 running")
  })

  it("has the time that the run took, and how it ended", () => {
    assert.match(
      inPlain(snapshot({ state: "done", done: 1200, running: 0 }), 100),
      /━{20,} {2}1,200 of 1,200 \(100%\) {2}in 6.0s/
    )
    assert.include(inPlain(snapshot({ state: "interrupted" }), 100), "interrupted")
    assert.include(inPlain(snapshot({ state: "stopped" }), 100), "stopped")
  })

  it("has colors on request, and no control character of a name", () => {
    const line = bar(snapshot({ failed: 3, name: "a\u001B[31m\r\nb\u202Ec" }), { columns: 100, colour: true })

    assert.include(line, "\u001B[31m3 failed\u001B[0m")
    assert.isTrue(line.startsWith("a\\x1b[31m b\\u202ec  "))
    assert.notInclude(inPlain(everything, 100), "\u001B")
  })

  it("is full for a run without inputs", () => {
    assert.notInclude(inPlain(snapshot({ total: 0, done: 0 }), 80), "╌")
  })
})

describe("Progress.toText", () => {
  it("is a sentence with all counts that are not zero", () => {
    assert.strictEqual(
      Progress.toText(snapshot({ failed: 3, retried: 12, waiting: 1 })),
      "titles: 300 of 1,200 (25%) done, 3 failed, 12 retried, 8 running, 1 waiting, 50/s, 18s left"
    )
    assert.strictEqual(
      Progress.toText(snapshot({ state: "done", done: 1200, elapsed: Duration.seconds(3725), recalled: 5 })),
      "titles: 1,200 of 1,200 (100%) done, 5 recalled, in 1h 02m"
    )
    assert.include(Progress.toText(snapshot({ rate: 0.05 })), "3.0/min")
  })
})
