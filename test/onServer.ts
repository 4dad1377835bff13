import { it } from "@effect/vitest"
import { hasPostgres, hasRedis } from "./journal/servers.ts"

const isInstalled = { PostgreSQL: hasPostgres, Redis: hasRedis }

/**
 * Registers tests that need a server, or a skipped test with the reason. CI looks for servers that are not installed.
 */
export const onServer = (server: keyof typeof isInstalled, title: string, tests: () => void): void => {
  const why = !isInstalled[server]
    ? `this machine has no ${server}`
    : process.env["SERVERS"] === undefined
    ? "npm run check starts it"
    : undefined
  if (why === undefined) tests()
  else it.skip(`${title} (skipped: ${why})`, () => {})
}
