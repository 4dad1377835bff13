import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, posix, sep } from "node:path"
import { fileURLToPath } from "node:url"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** The house, from the ground up. A file imports only files on floors below its own. */
const floors: ReadonlyArray<ReadonlyArray<string>> = [
  ["primitives/clock"],
  [
    "primitives/shorten",
    "primitives/linkedQueue",
    "primitives/eventLoop",
    "primitives/timers",
    "task/layers",
    "primitives/fiberGroup"
  ],
  ["observability/contract", "observability/spans", "primitives/effects", "flow/types", "flow/graph"],
  [
    "observability/line",
    "observability/metrics",
    "primitives/check",
    "primitives/permits",
    "task/deadline",
    "task/errors",
    "flow/path",
    "flow/mermaid"
  ],
  ["task/codec", "flow/node"],
  ["run/retry", "run/inputs/source", "Outcome", "Backend", "Limit"],
  ["observability/log", "observability/terminal"],
  ["Progress"],
  ["run/inputs/item", "run/types", "flow/walk", "flow/wiring", "Task", "report/json"],
  ["report/trace", "report/page"],
  ["Report"],
  ["run/outcomes/sink", "run/inputs/queue", "run/plan"],
  ["run/lanes/lane", "run/lanes/batchSizer", "flow/exec", "Example"],
  ["run/lanes/batchLane", "Node"],
  ["worker/wire/messages", "worker/wire/positions", "worker/wire/framing", "worker/near/cores"],
  ["worker/wire/thrown", "worker/far/link", "worker/near/sharedMemory"],
  ["worker/near/platform"],
  ["worker/far/boot", "worker/near/stderrTail", "worker/wire/causes"],
  ["worker/far/runner", "worker/near/request"],
  ["worker/near/supervisor"],
  ["worker/near/pool"],
  ["worker/near/layer"],
  ["backend/Threads", "backend/Processes", "worker/far/thread", "worker/far/process"],
  ["run/outcomes/observer"],
  ["run/engine"],
  ["run/collect"],
  ["run/outcomes/streamSink", "run/several"],
  ["Parallel", "Flow", "flow/items"],
  ["flow/batch"],
  ["BatchNode", "BatchFlow"],
  ["testing/TestBackend", "testing/tasks"],
  ["testing/suite"],
  ["index", "testing/index"]
]

/** What a room may know of others, where its floor says too little. */
const only: Readonly<Record<string, ReadonlyArray<string>>> = {
  // values move from running to telling: a report reads outcomes and nothing else
  Report: ["Outcome", "primitives/shorten", "report/json", "report/trace", "report/page"],
  // a contract without implementations: the engine knows this of progress and nothing else
  "observability/contract": [],
  // a backend knows nothing of the engine
  Backend: ["primitives/effects", "task/deadline", "task/errors", "task/codec", "task/layers", "primitives/shorten"]
}

const files = globSync("**/*.ts", { cwd: src }).map((file) => file.split(sep).join("/").replace(/\.ts$/, "")).toSorted()

const codeOf = (file: string): string => readFileSync(`${src}/${file}.ts`, "utf8").replace(/^ *\/?\*.*$/gm, "")

const importsOf = (file: string): ReadonlyArray<string> =>
  [...codeOf(file).matchAll(/(?:from|import) "(\.[^"]+)\.ts"/g)]
    .map(([, path]) => posix.normalize(posix.join(dirname(file), path!)))

const externalsOf = (file: string): ReadonlyArray<string> =>
  [...codeOf(file).matchAll(/(?:from|import) "([^."][^"]*)"/g)].map(([, path]) => path!)

const floorOf = (file: string): number => floors.findIndex((floor) => floor.includes(file))

describe("the architecture", () => {
  it("has a place for every file, and no place for a file that is gone", () => {
    assert.deepStrictEqual(files, floors.flat().toSorted())
  })

  it("lets a file import only what lies below it", () => {
    const broken = files.flatMap((file) =>
      importsOf(file)
        .filter((imported) => floorOf(imported) >= floorOf(file))
        .map((imported) => `${file} imports ${imported}`)
    )

    assert.deepStrictEqual(broken, [])
  })

  it("keeps rooms to what they may know", () => {
    const broken = Object.entries(only).flatMap(([file, allowed]) =>
      importsOf(file).filter((imported) => !allowed.includes(imported)).map((imported) => `${file} imports ${imported}`)
    )

    assert.deepStrictEqual(broken, [])
  })

  it("imports Effect by sub-path, and nothing of Node.js in portable rooms", () => {
    const portable = files.filter((file) => !/^(testing|backend|worker)\//.test(file))
    const broken = portable.flatMap((file) =>
      externalsOf(file).filter((path) => !path.startsWith("effect/") && path !== "#viewer").map((path) =>
        `${file} imports ${path}`
      )
    )

    assert.deepStrictEqual(broken, [])
  })

  it("keeps workers' rooms out of portable ones, and the engine out of backends", () => {
    const broken = files.flatMap((file) =>
      importsOf(file)
        .filter((imported) =>
          /^(backend|worker)\//.test(file)
            ? imported === "run/engine"
            : /^(backend|worker)\//.test(imported)
        )
        .map((imported) => `${file} imports ${imported}`)
    )

    assert.deepStrictEqual(broken, [])
  })

  it("has no file of more than 400 lines", () => {
    const long = files.filter((file) => readFileSync(`${src}/${file}.ts`, "utf8").split("\n").length > 401)

    assert.deepStrictEqual(long, [])
  })
})
