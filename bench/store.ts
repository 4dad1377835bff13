/** Reads and writes `bench/results`, and the facts that are stored with readings. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { arch, availableParallelism, cpus, release, type } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Topic } from "./measure.ts"
import { type GroupResult, type Result, type Results } from "./results.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = join(root, "bench", "results")

/** Reads all results that are stored. */
export const readResults = (): Results => {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : []
  const all = files.toSorted().map((file): Result => JSON.parse(readFileSync(join(folder, file), "utf8")))
  return Object.fromEntries(all.map((result) => [result.topic, result]))
}

/** Stores the result of a topic: arrays of numbers on one line. */
export const writeResult = (result: Result): void => {
  mkdirSync(folder, { recursive: true })
  const text = JSON.stringify(result, undefined, 2)
    .replace(
      /\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g,
      (_, numbers: string) => `[${numbers.replace(/\s+/g, " ")}]`
    )
  writeFileSync(join(folder, `${result.topic}.json`), `${text}\n`)
}

const git = (...args: ReadonlyArray<string>): string =>
  spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout?.trim() ?? ""

/** The version of a package, as its own `package.json` says. */
const versionOf = (name: string): string => {
  const file = [join(root, "bench"), root]
    .map((folder) => join(folder, "node_modules", name, "package.json"))
    .find(existsSync)
  if (file === undefined) throw new Error(`${name} is not installed`)
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version
}

export const commit = (): string => git("rev-parse", "--short=7", "HEAD")

/** Adds to what was measured when, on what and with what. */
export const described = (
  name: string,
  topic: Topic,
  rounds: number,
  millis: number,
  groups: ReadonlyArray<GroupResult>
): Result => ({
  topic: name,
  title: topic.title,
  date: new Date().toISOString(),
  seconds: Math.round(millis / 1000),
  rounds,
  commit: commit(),
  hasChanges: git("status", "--porcelain", "--", "src", "bench", ":!bench/results") !== "",
  node: process.versions.node,
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  os: `${type()} ${/^\d+\.\d+/.exec(release())?.[0] ?? release()} ${arch()}`,
  peers: { ...Object.fromEntries(topic.peers.map((peer) => [peer, versionOf(peer)])), ...topic.programs?.() },
  groups
})
