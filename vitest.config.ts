import { defineConfig } from "vitest/config"

/** Tests of how long things take have the machine for themselves. */
const timing = ["test/run/engine/loop.test.ts", "test/Limit.test.ts", "test/report/page.test.ts"]

/** Tests that start workers, programs, a compiler, a browser or a terminal, which take as long as the machine lets them. */
const outside = [
  "test/architecture.test.ts",
  "test/docs.test.ts",
  "test/backend/**/*.test.ts",
  "test/examples/**/*.test.ts",
  "test/flow/mermaid.test.ts",
  "test/observability/terminal.test.ts",
  "test/types/*.test.ts"
]

const patience = { testTimeout: 60_000, hookTimeout: 60_000 }

export default defineConfig({
  resolve: { conditions: ["@effect-parallel/source"] },
  ssr: { resolve: { conditions: ["@effect-parallel/source"] } },
  test: {
    globalSetup: ["scripts/viewer.ts"],
    projects: [
      {
        extends: true,
        test: { name: "timing", include: timing, maxWorkers: 1, sequence: { groupOrder: 0 }, ...patience }
      },
      {
        extends: true,
        test: { name: "outside", include: outside, maxWorkers: 2, sequence: { groupOrder: 1 }, ...patience }
      },
      {
        extends: true,
        test: {
          name: "behaviour",
          include: ["test/**/*.test.ts"],
          exclude: [...timing, ...outside],
          maxWorkers: 2,
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
