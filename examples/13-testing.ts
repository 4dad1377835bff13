// Test a program of your own with a backend that fails on request and a clock that does not wait.
//
//   node examples/13-testing.ts
//
// The program is testing/resize.ts, its tests are testing/resize.test.ts. They are ordinary Vitest tests: in your own
// project, `npx vitest` runs them. This file does the same in code.
import { fileURLToPath } from "node:url"
import { startVitest } from "vitest/node"

const root = fileURLToPath(new URL("..", import.meta.url))
const include = ["examples/testing/*.test.ts"]
// only needed in a checkout of the library: resolves to its sources instead of its build
const resolve = { conditions: ["@effect-parallel/source"] }

const options = { root, include, config: false as const, reporters: [{}] }
const vitest = await startVitest("test", [], options, { resolve, ssr: { resolve } })
for (const module of vitest.state.getTestModules()) {
  for (const test of module.children.allTests()) console.log(`${test.result().state}: ${test.name}`)
}
await vitest.close()
