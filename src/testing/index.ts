/**
 * Tools to test programs that use this library, and backends and journals for it.
 *
 * @since 0.1.0
 */
export { journalSuite } from "./journalSuite.ts"
export { type Case, cases, suite } from "./suite.ts"
export * as tasks from "./tasks.ts"
export * as TestBackend from "./TestBackend.ts"
