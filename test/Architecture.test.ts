import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, posix, sep } from "node:path"
import { fileURLToPath } from "node:url"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** The house, from the ground up. A file imports only files on floors below its own. */
const floors: ReadonlyArray<ReadonlyArray<string>> = [
  ["internal/monotonic"],
  ["internal/shorten", "internal/line", "internal/turn", "internal/alarm", "internal/services", "internal/crew"],
  ["progress/Contract", "internal/tracing", "internal/lift", "internal/shape"],
  [
    "internal/progressLine",
    "internal/metrics",
    "internal/check",
    "internal/permits",
    "internal/attempt",
    "internal/blame",
    "internal/place",
    "internal/mermaid"
  ],
  ["internal/crossing", "internal/node"],
  ["internal/retry", "internal/source", "Outcome", "Backend", "Limit"],
  ["progress/Log", "internal/terminal"],
  ["Progress"],
  ["internal/entry", "internal/typing", "internal/walk", "internal/wiring", "Task", "report/Json"],
  ["report/Trace", "internal/page"],
  ["Report"],
  ["internal/sink", "internal/supply", "Plan"],
  ["internal/lane", "internal/sizer", "internal/trial", "Example"],
  ["internal/batchLane", "Node"],
  ["internal/worker/protocol", "internal/worker/marks", "internal/worker/pipes", "internal/worker/cores"],
  ["internal/worker/wire", "internal/worker/far", "internal/worker/packing"],
  ["internal/worker/kind"],
  ["internal/worker/boot", "internal/worker/tail", "internal/worker/failures"],
  ["internal/worker/runner", "internal/worker/errand"],
  ["internal/worker/seat"],
  ["internal/worker/pool"],
  ["internal/worker/kept"],
  ["backend/Threads", "backend/Processes", "entry/thread", "entry/process"],
  ["internal/watching"],
  ["Dispatcher"],
  ["internal/collect"],
  ["internal/outlet", "internal/several"],
  ["Parallel", "Flow", "internal/batch"],
  ["internal/batchNode"],
  ["BatchNode", "BatchFlow"],
  ["testing/TestBackend", "testing/tasks"],
  ["testing/suite"],
  ["index", "testing/index"]
]

/** What a room may know of others, where its floor says too little. */
const only: Readonly<Record<string, ReadonlyArray<string>>> = {
  // values move from running to telling: a report reads outcomes and nothing else
  Report: ["Outcome", "internal/shorten", "report/Json", "report/Trace", "internal/page"],
  // a contract without implementations: the engine knows this of progress and nothing else
  "progress/Contract": [],
  // a backend knows nothing of the engine
  Backend: ["internal/attempt", "internal/blame", "internal/crossing", "internal/services", "internal/shorten"]
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
    const portable = files.filter((file) => !/^(testing|backend|entry|internal\/worker)\//.test(file))
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
          /^(backend|entry|internal\/worker)\//.test(file)
            ? imported === "Dispatcher"
            : /^(backend|entry|internal\/worker)\//.test(imported)
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
