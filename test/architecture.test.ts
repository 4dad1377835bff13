import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { dirname, posix, sep } from "node:path"
import { fileURLToPath } from "node:url"

/** A folder of `src`, or a public module. */
interface Room {
  /** The rooms that it may import. All are above it in the table. */
  readonly imports: ReadonlyArray<string>
  /** The rooms from which it may import only types. */
  readonly types?: ReadonlyArray<string>
  /** True if it may import Node.js. */
  readonly node?: true
}

/** All rooms, the lowest level first. docs/design.md has the same table. */
const rooms: Readonly<Record<string, Room>> = {
  "primitives": { imports: [] },
  "task": { imports: ["primitives"] },
  "outcome": { imports: ["primitives"] },
  "Outcome": { imports: ["primitives", "outcome"] },
  "limit": { imports: ["primitives"] },
  "Limit": { imports: ["primitives", "limit"] },
  "journal/record": { imports: ["primitives", "task", "outcome"], types: ["Outcome"] },
  "Journal": { imports: ["primitives", "journal/record"] },
  "observability": { imports: ["primitives"] },
  "report": { imports: ["primitives", "outcome", "Outcome", "observability"] },
  "Backend": { imports: ["primitives", "task"] },
  "Task": { imports: ["primitives", "Backend"] },
  "Report": { imports: ["primitives", "outcome", "report"], types: ["Outcome"] },
  "Progress": { imports: ["observability"] },
  "run/inputs": { imports: ["primitives", "outcome", "limit"], types: ["Outcome"] },
  "run/outcomes": {
    imports: ["primitives", "task", "Outcome", "outcome", "limit", "journal/record", "observability", "report"],
    types: ["run/inputs"]
  },
  "run/lanes": {
    imports: ["primitives", "task", "outcome", "limit", "observability", "run/inputs"],
    types: ["Backend", "run/outcomes"]
  },
  "run": {
    imports: [
      "primitives",
      "task",
      "Outcome",
      "limit",
      "journal/record",
      "observability",
      "report",
      "run/inputs",
      "run/outcomes",
      "run/lanes"
    ],
    types: ["Backend", "Task"]
  },
  "flow": {
    imports: [
      "primitives",
      "task",
      "Outcome",
      "limit",
      "journal/record",
      "observability",
      "report",
      "Task",
      "run/outcomes",
      "run/lanes",
      "run"
    ],
    types: ["Report"]
  },
  "worker/wire": { imports: ["primitives", "task"], types: ["Backend"], node: true },
  "worker/near": { imports: ["primitives", "task", "Backend", "run", "worker/wire"], node: true },
  "worker/far": {
    imports: ["primitives", "task", "Backend", "run/inputs", "run/lanes", "run", "worker/wire"],
    types: ["run/outcomes"],
    node: true
  },
  "fleet": {
    imports: ["primitives", "task", "worker/wire", "worker/near", "worker/far", "Backend"]
  },
  "Parallel": { imports: ["primitives", "task", "run"], types: ["Outcome", "Report"] },
  "Example": { imports: ["primitives"], types: ["run"] },
  "Node": { imports: ["primitives", "flow"], types: ["run"] },
  "BatchNode": { imports: ["primitives", "flow"], types: ["run"] },
  "Flow": { imports: ["primitives", "flow", "Parallel"], types: ["run"] },
  "BatchFlow": { imports: ["primitives", "flow"], types: ["run"] },
  "bullmq": { imports: ["primitives"], types: ["fleet"], node: true },
  "backend": { imports: ["primitives", "Backend", "worker/wire", "worker/near", "fleet", "bullmq"], node: true },
  "journal/sqlite": { imports: ["journal/record"], node: true },
  "journal": { imports: ["primitives", "journal/record", "journal/sqlite"], node: true },
  "dashboard": { imports: ["primitives", "observability", "report", "Report"], types: ["Outcome"] },
  "Dashboard": { imports: ["primitives", "observability", "dashboard"], node: true },
  "platform": { imports: ["primitives"], node: true },
  "testing": { imports: ["Outcome", "Limit", "Journal", "Backend", "Task", "Parallel"], node: true }
}

const names = Object.keys(rooms)
const root = fileURLToPath(new URL("..", import.meta.url))
const src = `${root}/src`
const files = globSync("**/*.ts", { cwd: src }).map((file) => file.split(sep).join("/").replace(/\.ts$/, "")).toSorted()
const textOf = (file: string): string => readFileSync(`${src}/${file}.ts`, "utf8")

/** Returns the text of a file without comments. */
const codeOf = (file: string): string => textOf(file).replace(/\/\*[^]*?\*\//g, "").replace(/^ *\/\/.*$/gm, "")

const linesOf = (file: string): number => codeOf(file).split("\n").filter((line) => line.trim() !== "").length

const roomOf = (file: string): string => file.includes("/") ? dirname(file) : file

interface Import {
  readonly path: string
  readonly typesAlone: boolean
  /** True if it is imported dynamically. */
  readonly lazy: boolean
}

const importsOf = (file: string): ReadonlyArray<Import> =>
  [...codeOf(file).matchAll(/^(?:import|export)( type)?(?: ([^"';]*?) from)? "([^"]+)"|\bimport\("([^"]+)"\)/gm)]
    .map(([, type, clause = "", path, lazy]) => ({
      path: path ?? lazy!,
      typesAlone: type !== undefined || /^\{(\s*type [^,]+,?)+\s*\}$/.test(clause),
      lazy: lazy !== undefined
    }))

const resolved = (from: string, path: string): string =>
  posix.normalize(posix.join(dirname(from), path)).replace(/\.ts$/, "")

const innerOf = (file: string): ReadonlyArray<Import> =>
  importsOf(file)
    .filter(({ path }) => path.startsWith("."))
    .map(({ lazy, path, typesAlone }) => ({ lazy, path: resolved(file, path), typesAlone }))

const outerOf = (file: string): ReadonlyArray<string> =>
  importsOf(file).map(({ path }) => path).filter((path) => !path.startsWith("."))

/** Returns the files that are loaded with a file. */
const loadedWith = (file: string, seen = new Set<string>()): Set<string> => {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const { lazy, path, typesAlone } of innerOf(file)) if (!typesAlone && !lazy) loadedWith(path, seen)
  return seen
}

describe("the rooms", () => {
  it("contain every file, and each file is in one room", () => {
    const rooms = new Set(files.filter((file) => file !== "index").map(roomOf))

    assert.deepStrictEqual([...rooms].toSorted(), names.toSorted())
  })

  it("are above the rooms that import them, so no two import each other", () => {
    const up = names.flatMap((name, floor) =>
      [...rooms[name]!.imports, ...rooms[name]!.types ?? []]
        .filter((imported) => !names.slice(0, floor).includes(imported))
        .map((imported) => `${name} imports ${imported}`)
    )

    assert.deepStrictEqual(up, [])
  })

  it("import only what the table allows", () => {
    const found = new Map<string, Map<string, boolean>>(names.map((name) => [name, new Map()]))
    for (const file of files.filter((file) => file !== "index")) {
      const room = found.get(roomOf(file))!
      for (const { path, typesAlone } of innerOf(file)) {
        const imported = roomOf(path)
        if (imported !== roomOf(file)) room.set(imported, typesAlone && (room.get(imported) ?? true))
      }
    }
    const table = Object.fromEntries([...found].map(([name, imported]) => {
      const of = (alone: boolean) =>
        [...imported].filter(([, types]) => types === alone).map(([name]) => name).toSorted()
      return [name, { imports: of(false), types: of(true) }]
    }))
    const wanted = Object.fromEntries(names.map((name) => {
      const { imports, types = [] } = rooms[name]!
      return [name, { imports: imports.toSorted(), types: types.toSorted() }]
    }))

    assert.deepStrictEqual(table, wanted)
  })

  it("import Effect by sub-path, and Node.js only if the table allows it", () => {
    const broken = files.flatMap((file) =>
      outerOf(file)
        .filter((path) =>
          path.startsWith("node:")
            ? rooms[roomOf(file)]?.node !== true
            : !(path.startsWith("effect/") || path === "#viewer" ||
              (path === "@effect/vitest" && roomOf(file) === "testing") ||
              (path.startsWith("@effect/platform-node/") && file === "Dashboard") ||
              (["bullmq", "ioredis"].includes(path) && roomOf(file) === "bullmq"))
        )
        .map((path) => `${file} imports ${path}`)
    )

    assert.deepStrictEqual(broken, [])
  })

  it("are small: no room has more than a fifth of the code, no file more than 320 lines", () => {
    const all = files.reduce((sum, file) => sum + linesOf(file), 0)
    const folders = Map.groupBy(files, (file) => file.includes("/") ? dirname(file) : "src/*.ts")
    const large = [...folders]
      .map(([folder, files]) => ({ folder, share: files.reduce((sum, file) => sum + linesOf(file), 0) / all }))
      .filter(({ share }) => share > 0.2)
    const long = files.filter((file) => linesOf(file) > 320)

    assert.deepStrictEqual([large, long], [[], []])
  })

  it("are those of docs/design.md", () => {
    const cells = (row: string) => row.split("|").slice(1, -1).map((cell) => cell.trim())
    const list = (cell: string, pattern: RegExp) => [...cell.matchAll(pattern)].map(([, name]) => name!).toSorted()
    const table = readFileSync(`${root}/docs/design.md`, "utf8")
      .split("\n")
      .filter((line) => /^\| `[\w/]+` \|/.test(line))
      .map(cells)
      .map(([name, , imports]) => ({
        name: name!.replaceAll("`", ""),
        imports: list(imports!, /`([\w/]+)`(?! \(types\))/g),
        types: list(imports!, /`([\w/]+)` \(types\)/g)
      }))
    const wanted = names.map((name) => ({
      name,
      imports: rooms[name]!.imports.toSorted(),
      types: (rooms[name]!.types ?? []).toSorted()
    }))

    assert.deepStrictEqual(table, wanted)
  })
})

describe("the names", () => {
  it("of modules in `src` are in the index, each with a sub-path; those for Node.js have only a sub-path", () => {
    const all = files.filter((file) => !file.includes("/") && file !== "index")
    const modules = all.filter((file) => rooms[file]!.node === undefined)
    const { exports } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { exports: object }
    const index = [...codeOf("index").matchAll(/export \* as (\w+) from "\.\/(\w+)\.ts"/g)]

    assert.deepStrictEqual(index.map(([, name]) => name), modules)
    assert.deepStrictEqual(index.map(([, , file]) => file), modules)
    assert.deepStrictEqual(
      Object.keys(exports).filter((path) => /^\.\/[A-Z]\w*$/.test(path)),
      all.map((name) => `./${name}`)
    )
    assert.deepStrictEqual(files.filter((file) => innerOf(file).some(({ path }) => path === "index")), [])
  })

  it("of types are unique in the whole tree, except `Options`, which is read with its module", () => {
    const places = new Map<string, Array<string>>()
    for (const file of files) {
      for (const [, name] of codeOf(file).matchAll(/^(?:export )?(?:abstract )?(?:interface|type|class) (\w+)/gm)) {
        places.set(name!, [...places.get(name!) ?? [], file])
      }
    }
    const twice = [...places].filter(([name, files]) => files.length > 1 && name !== "Options")
    const isPublic = (file: string) => /(^|\/)[A-Z]\w*$/.test(file)
    const handedOn = new Set(
      files.filter(isPublic).flatMap((file) =>
        [...codeOf(file).matchAll(/^export (?:type )?\{[^}]*\bOptions\b[^}]*\} from "([^"]+)"/gm)]
          .map(([, path]) => resolved(file, path!))
      )
    )
    const options = places.get("Options")!.filter((file) => !isPublic(file) && !handedOn.has(file))

    assert.deepStrictEqual(twice, [])
    assert.deepStrictEqual(options, [])
  })
})

describe("what is loaded", () => {
  it("by a worker before its first task does not include Effect", () => {
    const loaded = new Set<string>()
    for (const name of ["thread", "process", "boot"]) loadedWith(`worker/far/${name}`, loaded)
    const effect = [...loaded].filter((file) => outerOf(file).some((path) => path.startsWith("effect")))

    assert.isTrue(loaded.has("primitives/shorten"))
    assert.deepStrictEqual(effect, [])
  })

  it("with Parallel does not include Schema and RateLimiter", () => {
    const script = `
      import { registerHooks } from "node:module"
      const loaded = []
      registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
      await import("effect-parallel/Parallel")
      console.log(JSON.stringify(loaded))
    `
    const args = ["--conditions=@effect-parallel/source", "--input-type=module", "--eval", script]
    const { stderr, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" })
    assert.strictEqual(stderr, "")
    const loaded = JSON.parse(stdout) as ReadonlyArray<string>

    assert.isTrue(loaded.some((url) => url.endsWith("/src/run/engine.ts")))
    assert.deepStrictEqual(loaded.filter((url) => /\/(Schema\w*|RateLimiter)\.\w+$/.test(url)), [])
  })
})
