import { defineConfig } from "vitest/config"

/** Tests of how long things take have the machine for themselves. */
const timing = ["test/run/engine.test.ts", "test/Limit.test.ts", "test/report/page.test.ts"]

export default defineConfig({
  resolve: { conditions: ["@effect-parallel/source"] },
  ssr: { resolve: { conditions: ["@effect-parallel/source"] } },
  test: {
    globalSetup: ["scripts/viewer.ts"],
    projects: [
      {
        extends: true,
        test: { name: "timing", include: timing, maxWorkers: 1, sequence: { groupOrder: 0 } }
      },
      {
        extends: true,
        test: {
          name: "behaviour",
          include: ["test/**/*.test.ts"],
          exclude: timing,
          maxWorkers: 2,
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
