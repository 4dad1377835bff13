/**
 * Measures topics, stores the result of each in `bench/results`, and writes `docs/benchmarks.md` and its charts from all
 * stored results.
 *
 * ```sh
 * npm run bench                                        # everything, five rounds
 * npm run bench -- --rounds 3 --topic stream,forEach   # these only
 * npm run bench -- --rounds 3 --continue               # what has no result of this commit and as many rounds
 * npm run bench -- --page                              # nothing: only writes the page
 * npm run bench -- --check                             # nothing: fails if the page or a chart is out of date
 * ```
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { install } from "../scripts/steps.ts"
import { checkTable, measure, readingsIn, type Topic } from "./measure.ts"
import { page } from "./page.ts"
import { checkName } from "./results.ts"
import { commit, described, readResults, writeResult } from "./store.ts"

const folder = fileURLToPath(new URL(".", import.meta.url))
const docs = join(folder, "..", "docs")

const topics = [
  "forEach",
  "partition",
  "failures",
  "stream",
  "eventLoop",
  "options",
  "limits",
  "progress",
  "flow",
  "threads",
  "pools",
  "joblib",
  "cores",
  "faults",
  "journal",
  "machines"
]

const topicOf = async (name: string): Promise<Topic> =>
  (await import(`./${name}.ts`) as { readonly topic: Topic }).topic

const roundsOf = (topic: Topic): number => Math.min(rounds, topic.rounds ?? Infinity)

const minutes = (seconds: number): string =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`

/** Returns the topics to measure. */
const chosen = (): ReadonlyArray<string> => {
  const named = options.topic?.split(",") ?? topics
  const unknown = named.filter((name) => !topics.includes(name))
  if (unknown.length > 0) throw new Error(`unknown topic ${unknown.join(", ")}; the topics are ${topics.join(", ")}`)
  return named
}

/** Prints how many readings there are, and how long they took when they were stored. */
const announce = async (names: ReadonlyArray<string>): Promise<void> => {
  const stored = readResults()
  let [readings, seconds] = [0, 0]
  for (const name of names) {
    const topic = await topicOf(name)
    readings += roundsOf(topic) * readingsIn(topic)
    const last = stored[name]
    if (last !== undefined) seconds += last.seconds / last.rounds * roundsOf(topic)
  }
  console.log(`${names.length} topics, ${readings} readings, ${minutes(seconds)} if they take as long as the last time`)
}

/**
 * Measures a topic and stores its result. If that is not possible, returns the reason. A failure also sets the exit code
 * of the program.
 */
const measureTopic = async (name: string): Promise<string | undefined> => {
  const topic = await topicOf(name)
  if (topic.lacks !== undefined) return `this machine lacks ${topic.lacks}`
  const from = performance.now()
  try {
    const groups = await measure(topic, { rounds })
    const result = described(name, topic, roundsOf(topic), performance.now() - from, groups)
    writeResult(result)
    console.log(`\nstored ${name} (${minutes(result.seconds)})`)
    return undefined
  } catch (error) {
    process.exitCode = 1
    return error instanceof Error ? error.message : String(error)
  }
}

/** Measures topics and prints their checks with a target. */
const measureAll = async (): Promise<void> => {
  const stored = readResults()
  const isDone = async (name: string) => {
    const last = stored[name]
    if (last === undefined || last.hasChanges) return false
    return last.commit === commit() && last.rounds >= roundsOf(await topicOf(name))
  }
  const names: Array<string> = []
  for (const name of chosen()) if (!options.continue || !await isDone(name)) names.push(name)
  await announce(names)
  const left: Array<string> = []
  for (const name of names) {
    const problem = await measureTopic(name)
    if (problem === undefined) continue
    left.push(`${name} keeps its last result: ${problem}`)
    console.log(`\n${left.at(-1)}`)
  }
  const results = readResults()
  const targets = names.flatMap((name) =>
    (results[name]?.groups ?? []).flatMap(({ checks, name: group }) =>
      checks
        .filter(({ target }) => target !== undefined)
        .map((check) => [`${name}, ${group}: ${checkName(check)}`, check] as const)
    )
  )
  if (targets.length > 0) console.log(`\n## Targets\n\n${checkTable(targets)}\n`)
  for (const line of left) console.log(line)
}

/** The files that are made of the results, by path in `docs`. */
const files = async (): Promise<Readonly<Record<string, string>>> => {
  const results = readResults()
  const { charts } = await import("./charts.ts")
  return { "benchmarks.md": page(results), ...charts(results) }
}

const write = async (): Promise<void> => {
  for (const [path, text] of Object.entries(await files())) {
    mkdirSync(dirname(join(docs, path)), { recursive: true })
    writeFileSync(join(docs, path), text)
    console.log(`wrote docs/${path}`)
  }
}

const check = async (): Promise<void> => {
  const stale = Object.entries(await files()).flatMap(([path, text]) => {
    const file = join(docs, path)
    return existsSync(file) && readFileSync(file, "utf8") === text ? [] : [`docs/${path}`]
  })
  if (stale.length === 0) return
  console.error(`${stale.join(", ")} is not what \`npm run bench -- --page\` writes`)
  process.exit(1)
}

const { values: options } = parseArgs({
  options: {
    topic: { type: "string" },
    rounds: { type: "string", default: "5" },
    continue: { type: "boolean", default: false },
    page: { type: "boolean", default: false },
    check: { type: "boolean", default: false }
  }
})
const rounds = Number(options.rounds)
if (!Number.isInteger(rounds) || rounds < 1) {
  throw new Error(`expected a positive number of rounds, got ${options.rounds}`)
}

// the peers have a `package.json` of their own, so that the library does not depend on them
install("bench")
if (options.check) await check()
else {
  if (!options.page) await measureAll()
  await write()
}
process.exit()
