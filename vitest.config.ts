import { defineConfig } from "vitest/config"

/** Tests that start workers, programs, a compiler, a browser or a terminal, which take as long as the machine lets them. */
const outside = [
  "test/architecture.test.ts",
  "test/docs.test.ts",
  "test/backend/**/*.test.ts",
  "test/dashboard/*.test.ts",
  "test/examples/**/*.test.ts",
  "test/flow/mermaid.test.ts",
  "test/fuzz/workers.test.ts",
  "test/journal/suite.test.ts",
  "test/journal/sqlite/*.test.ts",
  "test/observability/terminal.test.ts",
  "test/platform/*.test.ts",
  "test/report/inside.test.ts",
  "test/report/page.test.ts",
  "test/site/site.test.ts",
  "test/types/*.test.ts"
]

export default defineConfig({
  resolve: { conditions: ["@effect-parallel/source"] },
  ssr: { resolve: { conditions: ["@effect-parallel/source"] } },
  test: {
    globalSetup: ["scripts/viewer.ts"],
    maxWorkers: 3,
    // a line for each file, and nothing of tests that passed
    slowTestThreshold: 60_000,
    projects: [
      {
        extends: true,
        test: { name: "outside", include: outside, testTimeout: 60_000, hookTimeout: 60_000 }
      },
      {
        extends: true,
        test: {
          name: "behaviour",
          include: ["test/**/*.test.ts"],
          exclude: outside,
          setupFiles: ["test/setup.ts"],
          // a test of many programs takes a tenth of it on a quiet machine
          testTimeout: 30_000
        }
      }
    ]
  }
})
