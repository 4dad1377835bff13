import { assert, describe, it } from "@effect/vitest"
import { fold } from "../../src/report/frames.ts"

const lines = (...lines: ReadonlyArray<string>): string => lines.join("\n")

describe("folded stacks", () => {
  it("count consecutive frames of libraries", () => {
    assert.strictEqual(
      fold(lines(
        "TooShort: 3 words",
        "    at check (file:///app/src/tasks.ts:7:104)",
        "    at run (/app/node_modules/effect-parallel/dist/run/lanes/lane.js:1:1)",
        "    at Generator.next (<anonymous>)",
        "    at FiberImpl.runLoop (file:///app/node_modules/@scope/lib/dist/effect.js:694:41)",
        "    at process.processTicksAndRejections (node:internal/process/task_queues:103:5)",
        "    at task check (file:///app/src/main.ts:3:20)"
      )),
      lines(
        "TooShort: 3 words",
        "    at check (file:///app/src/tasks.ts:7:104)",
        "    … 4 frames of effect-parallel, @scope/lib, Node.js",
        "    at task check (file:///app/src/main.ts:3:20)"
      )
    )
  })

  it("keep the first frame of each stack, a single frame, and lines that are not frames", () => {
    const text = lines(
      "Error: at first (node:x) {",
      "    at a (node:fs:1:1)",
      "    at b (/app/node_modules/pg/lib/client.js:1:1)",
      "    at c (/app/src/c.ts:1:1)",
      "    at d (/app/node_modules/pg/lib/client.js:2:2)",
      "  [cause]: Error: inner",
      "      at e (/app/node_modules/pg/lib/client.js:3:3)",
      "      at f (/app/src/f.ts:1:1)",
      "}",
      "at the end, node_modules/pg",
      ""
    )
    assert.strictEqual(fold(text), text)
    assert.strictEqual(fold(""), "")
  })

  it("keep frames of the program whose function has no name", () => {
    const text = lines(
      "Error: no",
      "    at EventEmitter.<anonymous> (/app/src/a.ts:7:66)",
      "    at MixedScheduler.<anonymous> (file:///app/src/a.ts:8:1)",
      "    at Object.<anonymous> (/app/main.cjs:5:13)"
    )
    assert.strictEqual(fold(text), text)
  })

  it("fold inside causes, with their indentation", () => {
    assert.strictEqual(
      fold(
        lines(
          "  [cause]: no",
          "      at f (/app/f.ts:1:1)",
          "      at Array.map (<anonymous>)",
          "      at Array.map (<anonymous>)"
        )
      ),
      lines("  [cause]: no", "      at f (/app/f.ts:1:1)", "      … 2 frames of JavaScript")
    )
  })
})
