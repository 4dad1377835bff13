import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel, type Task } from "effect-parallel"
import { readFileSync } from "node:fs"
import { kinds, reasonOf } from "../workerKinds.ts"

const module = new URL("../modules/extensionless.js", import.meta.url).href

/** The file of hooks that a recipe of the docs shows, as a URL that can be imported. */
const hooks = (() => {
  const recipes = readFileSync(new URL("../../../docs/recipes.md", import.meta.url), "utf8")
  const [, code] = /^```js\n(\/\/ hooks\.mjs\n[^]*?)^```/m.exec(recipes)!
  return `data:text/javascript,${encodeURIComponent(code!)}`
})()

for (const kind of kinds) {
  describe(`a module that imports without extensions, on ${kind.name}`, () => {
    it.live("runs with the hooks of the recipe, and fails as a module without them", () =>
      Effect.gen(function*() {
        // Vitest resolves such imports itself
        const { double }: { readonly double: Task.Task<number, number> } = yield* Effect.promise(() => import(module))
        const execArgv = ["--import", hooks]
        const values = yield* Parallel.forEach([1, 2], double).pipe(
          Effect.provide(kind.layer({ workers: 1, execArgv }))
        )
        const report = yield* Parallel.run([1], double).pipe(Effect.provide(kind.layer({ workers: 1 })))

        assert.deepStrictEqual(values, [2, 4])
        assert.strictEqual(reasonOf(report.failures[0])._tag, "ModuleFailed")
      }))
  })
}
