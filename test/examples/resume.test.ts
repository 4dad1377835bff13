import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const example = fileURLToPath(new URL("../../examples/08-resume.ts", import.meta.url))

describe("a program that is killed", () => {
  it("continues where it was", () => {
    const { stderr, stdout } = spawnSync(process.execPath, ["--conditions=@effect-parallel/source", example], {
      encoding: "utf8"
    })
    const [recalled, hashed, all] = /(\d+) recalled, (\d+) hashed, (\d+) in total/.exec(stdout)?.slice(1).map(Number) ??
      []

    assert.include(stdout, "first run:  ended by SIGKILL", stderr)
    assert.include(stdout, "second run: ended by itself", stderr)
    assert.strictEqual(all, 60)
    assert.isAtLeast(recalled!, 30)
    assert.strictEqual(recalled! + hashed!, 60)
  }, 60_000)
})
