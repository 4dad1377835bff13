import { assert, describe, it } from "@effect/vitest"
import { withoutText } from "../../../src/worker/near/layer.ts"

describe("options for workers", () => {
  it("are those of the program, without a program given as text", () => {
    assert.isUndefined(withoutText([]))
    assert.isUndefined(withoutText(["--expose-gc", "--import", "./hooks.js"]))
    assert.deepStrictEqual(withoutText(["--expose-gc", "-e", "run()"]), ["--expose-gc"])
    assert.deepStrictEqual(withoutText(["--input-type=module", "--eval", "run()", "--no-warnings"]), ["--no-warnings"])
    assert.deepStrictEqual(withoutText(["--input-type", "module", "--print=1"]), [])
  })
})
