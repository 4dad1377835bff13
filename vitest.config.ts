import { defineConfig } from "vitest/config"

export default defineConfig({
  resolve: { conditions: ["@effect-parallel/source"] },
  ssr: { resolve: { conditions: ["@effect-parallel/source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["scripts/viewer.ts"]
  }
})
