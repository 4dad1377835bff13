/**
 * Tasks on worker threads compared with joblib, if a Python has it: `apt-get install python3-joblib`.
 *
 * Baselines: joblib's pool of processes with automatic batches, and one thread of each language. Python takes longer
 * for a round, so its tasks have fewer rounds and take the same time: the pools are compared, not the languages.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once as next } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { type Case, type Group, measure, ratio, small, type Topic } from "./measure.ts"
import { microsecond, oneThread, ours } from "./threads.ts"
import { once } from "./work.ts"

const script = fileURLToPath(new URL("workers/onJoblib.py", import.meta.url))

const interpreter = ["python3", "/usr/bin/python3"].find((path) =>
  spawnSync(path, ["-c", "import joblib"], { stdio: "ignore" }).status === 0
)

const python = once((): ChildProcess => spawn(interpreter!, [script], { stdio: ["pipe", "pipe", "inherit"] }))
const answers = once(() => createInterface({ input: python().stdout! }))

const inPython = (jobs: number) => (rounds: number): Case => (count) => async () => {
  python().stdin!.write(`${rounds} ${count} ${jobs}\n`)
  const [line] = await next(answers(), "line") as [string]
  return Number(line)
}

const joblib = inPython(2)
const onePythonThread = inPython(1)

/** Number of rounds that take about a microsecond in Python. */
const pythonMicrosecond = 25

const tiny: Group = {
  name: "a square root",
  metric: "time",
  cases: { "ours": ours(1), "joblib": joblib(1) },
  sizes: [small],
  checks: [ratio("ours", "joblib", small, 1 / 5)]
}

const longer = (name: string, micros: number, inputs: number): Group => ({
  name,
  metric: "time",
  cases: {
    "ours": ours(micros * microsecond),
    "one thread": oneThread(micros * microsecond),
    "joblib": joblib(micros * pythonMicrosecond),
    "one Python thread": onePythonThread(micros * pythonMicrosecond)
  },
  sizes: [inputs],
  checks: [ratio("ours", "one thread", inputs), ratio("joblib", "one Python thread", inputs)]
})

export const topic: Topic = {
  title: "joblib",
  url: import.meta.url,
  peers: [],
  rounds: 1,
  programs: () => {
    const versions = "import joblib, platform; print(joblib.__version__, platform.python_version())"
    const { stdout } = spawnSync(interpreter!, ["-c", versions], { encoding: "utf8" })
    const [joblib = "", python = ""] = stdout.trim().split(" ")
    return { joblib, Python: python }
  },
  lacks: interpreter === undefined ? "a Python that has joblib" : undefined,
  warmUp: 4000,
  groups: [
    tiny,
    longer("tasks of 1 µs", 1, 100_000),
    longer("tasks of 10 µs", 10, 20_000),
    longer("tasks of 0.1 ms", 100, 3000)
  ]
}

if (import.meta.main) await measure(topic)
