// Runs all tests once, or a number of times, and prints a line for each run: `npm run test:repeat -- 10 --busy`. With
// `--busy`, as many busy loops as the machine has cores run at the same time. Exits with 1 if a test has failed in any
// run.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The results of a run, as vitest writes them. */
interface Results {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

const root = fileURLToPath(new URL("..", import.meta.url))
const args = process.argv.slice(2)
const times = Number(args.find((arg) => !arg.startsWith("--")) ?? 1)
const home = mkdtempSync(join(tmpdir(), "effect-parallel-suite-"))
const running = new Set<ChildProcess>()

const start = (command: string, args: ReadonlyArray<string>): ChildProcess => {
  const child = spawn(command, args, { cwd: root, stdio: "ignore", detached: true })
  running.add(child)
  child.on("exit", () => running.delete(child))
  return child
}

/** Ends all child processes, with everything that they have started. */
const stop = (): void => {
  for (const child of running) process.kill(-child.pid!, "SIGKILL")
  rmSync(home, { force: true, recursive: true })
}

process.on("exit", stop)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1))

/** Returns the names of the tests that failed, and of the files in which nothing could be run. */
const failed = ({ testResults }: Results): ReadonlyArray<string> =>
  testResults.flatMap(({ assertionResults, name, status }) => {
    const names = assertionResults.filter((test) => test.status === "failed").map((test) => test.fullName)
    return status === "failed" && names.length === 0 ? [name.replace(root, "")] : names
  })

/** Keeps a core busy for as long as this program lives, however it ends. */
const burn = "const parent = process.ppid; while (process.ppid === parent);"

if (args.includes("--busy")) {
  for (let core = 0; core < availableParallelism(); core++) start(process.execPath, ["-e", burn])
}

for (let run = 1; run <= times; run++) {
  const file = join(home, `${run}.json`)
  const from = performance.now()
  const tests = start("npm", ["test", "--", "--reporter=json", `--outputFile=${file}`])
  const code = await new Promise<number | null>((resolve) => tests.on("exit", resolve))
  const seconds = ((performance.now() - from) / 1000).toFixed(0)
  if (code !== 0) process.exitCode = 1
  try {
    const results = JSON.parse(readFileSync(file, "utf8")) as Results
    const counts = `${results.numPassedTests} passed, ${results.numFailedTests} failed`
    console.log([`run ${run}: ${counts}, ${seconds} s`, ...failed(results)].join(" | "))
  } catch {
    console.log(`run ${run}: nothing was tested, exit code ${code}, ${seconds} s`)
  }
}
process.exit()
