/**
 * Counts with valgrind the instructions per input on the hot paths of `bench/paths.ts` and `bench/poolPaths.ts`: `npm
 * run check -- instructions`.
 *
 * A count does not depend on how busy a machine is, so a slowdown shows up in the commit that causes it. Each path is
 * run with two numbers of inputs, and the difference is the cost of the inputs between them: start-up and compilation
 * are in both. Two runs differ by 0.0002 % (once in some ten, `stream` differed by 3 %), because all code is one file,
 * Node.js has no threads, and clocks advance by the same step at each reading, since the engine lets the event loop
 * turn by the clock. The bounds are in `bench/paths.json`. If `PATHS` is part of some names, only those paths are
 * counted. `INSTRUCTIONS=write` writes the counts to the file, after a change that is intended. The long paths are
 * counted only on request: with `PATHS`, which may be `*`, or with `npm run soak -- instructions`.
 */
import { build } from "esbuild"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { paths } from "../bench/paths.ts"
import { paths as poolPaths } from "../bench/poolPaths.ts"
import { root } from "./steps.ts"

/** Numbers of inputs that are enough for a path to be compiled as far as it will be. */
const few = 60_000
const many = 160_000

/** Factor by which a path may exceed its bound, since any change moves the moments at which code is compiled. */
const tolerance = 1.05

/**
 * Sizes in megabytes of a heap in which nothing is freed. Garbage collection begins at moments that any change moves,
 * and one collection may cost more than all inputs between the two runs. So a count does not include it.
 */
const heap = ["--initial-heap-size=4000", "--min-semi-space-size=1024", "--max-semi-space-size=1024"]

/** Paths that take as long as all others together. */
const long = new Set([
  "forEach, with a timeout",
  "forEach, a task with schemas",
  "partition, failures",
  "report, as JSON",
  "batches of four of a pool"
])

/** Part of the names of the paths that are counted, or `*`. */
const wanted = process.env["PATHS"]

const isWanted = (name: string): boolean =>
  wanted === undefined ? !long.has(name) : wanted === "*" || name.includes(wanted)

/** Instructions per input, by path. */
type Bounds = Readonly<Record<string, number>>

const file = join(root, "bench", "paths.json")

/** A clock that advances by half a microsecond at each reading. */
const clock = `
let clockMillis = 0
const clockNow = () => clockMillis += 0.0005
Object.defineProperty(globalThis.performance, "now", { value: clockNow, configurable: true, writable: true })
process.hrtime.bigint = () => BigInt(Math.round(clockNow() * 1e6))
Date.now = () => Math.floor(clockNow())
`

/** Files of paths, with their contents. */
const files = { paths, poolPaths }
type File = keyof typeof files

/** Bundles a file of paths and the library into one file. */
const bundle = (file: File, program: string): Promise<unknown> =>
  build({
    entryPoints: [join(root, "bench", `${file}.ts`)],
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@effect-parallel/source"],
    banner: { js: clock },
    // the page of a report is not made here
    plugins: [{
      name: "viewer",
      setup: (context) => {
        context.onResolve({ filter: /^#viewer$/ }, ({ path }) => ({ path, namespace: "viewer" }))
        context.onLoad(
          { filter: /.*/, namespace: "viewer" },
          () => ({ contents: "export const hash = '', script = ''" })
        )
      }
    }],
    outfile: program,
    logLevel: "error"
  })

/** Counts the instructions of a run. */
const count = (program: string, path: string, inputs: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const valgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"]
    const flags = ["--predictable", "--single-threaded", "--hash-seed=1", "--random-seed=1", ...heap]
    const node = [process.execPath, ...flags, program, path, String(inputs)]
    const child = spawn("valgrind", [...valgrind, ...node], { cwd: root, stdio: ["ignore", "ignore", "pipe"] })
    let text = ""
    child.stderr.on("data", (chunk: Buffer) => text += chunk.toString())
    child.on("error", reject)
    child.on("close", () => {
      const counted = /Collected : (\d+)/.exec(text)?.[1]
      if (counted === undefined) reject(new Error(`valgrind counted nothing for ${path}:\n${text}`))
      else resolve(Number(counted))
    })
  })

const costOf = async (program: string, path: string): Promise<number> => {
  const less = await count(program, path, few)
  return Math.round((await count(program, path, many) - less) / (many - few))
}

/** Counts all paths, as many at a time as there are cores. */
const costs = async (programs: Readonly<Record<File, string>>): Promise<ReadonlyMap<string, number>> => {
  const all = Object.entries(files).flatMap(([file, paths]) =>
    Object.keys(paths).filter(isWanted).map((name) => [programs[file as File], name] as const)
  )
  const found = new Map<string, number>()
  const waiting = all.values()
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (const [program, name] of waiting) found.set(name, await costOf(program, name))
  }))
  return new Map(all.map(([, name]) => [name, found.get(name)!]))
}

/** Throws if a path costs more than its bound allows, or has no bound. */
export const instructions = async (): Promise<void> => {
  if (spawnSync("valgrind", ["--version"]).status !== 0) throw new Error("valgrind is missing")
  const bounds = JSON.parse(readFileSync(file, "utf8")) as Bounds
  const folder = mkdtempSync(join(tmpdir(), "effect-parallel-instructions-"))
  const programs = { paths: join(folder, "paths.mjs"), poolPaths: join(folder, "poolPaths.mjs") }
  let counted: ReadonlyMap<string, number>
  try {
    for (const file of ["paths", "poolPaths"] as const) await bundle(file, programs[file])
    counted = await costs(programs)
  } finally {
    rmSync(folder, { recursive: true })
  }
  if (process.env["INSTRUCTIONS"] === "write") {
    writeFileSync(file, `${JSON.stringify({ ...bounds, ...Object.fromEntries(counted) }, undefined, 2)}\n`)
    return
  }
  const lines = [...counted].map(([name, cost]) => {
    const bound = bounds[name]
    const isOver = bound === undefined || cost > bound * tolerance
    return { isOver, text: `${isOver ? "!" : " "} ${name}: ${cost} instructions per input, bound ${bound ?? "none"}` }
  })
  console.log(lines.map(({ text }) => text).join("\n"))
  if (lines.some(({ isOver }) => isOver)) throw new Error("a path exceeds its bound")
}
