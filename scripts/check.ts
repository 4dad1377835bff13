// The checks of CI that `npm test` does not run: `npm run check [-- step…]`.
import { spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { instructions } from "./instructions.ts"
import { install, root, run, runSteps } from "./steps.ts"

const tool = (name: string) => join(root, "tools", "node_modules", ".bin", name)

const inTemporary = (name: string, check: (folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), `effect-parallel-${name}-`))
  try {
    check(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const needChromium = (): void => {
  if (!existsSync("/usr/bin/chromium")) throw new Error("/usr/bin/chromium is missing")
}

/** Runs tests, and fails if any of them is skipped; the variable turns them on. */
const runWhole = (variable: string, ...tests: ReadonlyArray<string>): void =>
  inTemporary("tests", (folder) => {
    const file = join(folder, "results.json")
    const env = { [variable]: "1" }
    run("vitest", ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...tests], { env })
    const { numPendingTests, testResults } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly numPendingTests: number
      readonly testResults: ReadonlyArray<unknown>
    }
    if (testResults.length !== tests.length) throw new Error(`some of these tests were not found: ${tests.join(", ")}`)
    if (numPendingTests > 0) throw new Error(`${numPendingTests} tests of ${tests.join(", ")} were skipped`)
  })

/** Installs packages in a project, as links to those installed here. */
const link = (project: string, ...names: ReadonlyArray<string>): void => {
  for (const name of names) {
    const place = join(project, "node_modules", name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(join(root, "node_modules", name), place)
  }
}

/** Makes a project of the consumer, with the packed library and its peers installed. */
const installConsumer = (tarball: string, project: string): void => {
  const library = join(project, "node_modules", "effect-parallel")
  cpSync(join(root, "scripts", "consumer"), project, { recursive: true })
  mkdirSync(library, { recursive: true })
  run("tar", ["-xzf", tarball, "--strip-components=1", "-C", library])
  link(project, "effect", "@effect/vitest", "@types/node")
  const { exports } = JSON.parse(readFileSync(join(library, "package.json"), "utf8")) as { readonly exports: object }
  const subPaths = Object.keys(exports).filter((path) => path !== "./package.json")
  const imports = subPaths.map((path, n) => `export * as module${n} from "effect-parallel${path.slice(1)}"\n`)
  writeFileSync(join(project, "modules.ts"), imports.join(""))
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions: consumerOptions }))
}

const consumerOptions = {
  target: "ES2024",
  types: ["node"],
  module: "NodeNext",
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  allowImportingTsExtensions: true,
  noEmit: true
}

/** Compiles the consumer, and runs it on each Node.js version that the library supports. */
const checkConsumer = (tarball: string): void =>
  inTemporary("consumer", (project) => {
    installConsumer(tarball, project)
    run("tsc", ["-p", "."], { cwd: project })
    // the types need no optional peer, and the code needs the peers of its sub-paths
    link(project, "bullmq", "ioredis", "@effect/platform-node")
    install("scripts", "nodes")
    const nodes = join(root, "scripts", "nodes")
    const others = globSync("node_modules/node*/bin/node", { cwd: nodes }).toSorted()
    if (others.length === 0) throw new Error("found no other Node.js in scripts/nodes")
    for (const node of [process.execPath, ...others.map((path) => join(nodes, path))]) {
      for (const file of ["modules.ts", "main.ts"]) run(node, [file], { cwd: project })
    }
  })

await runSteps({
  tools: () => {
    install("tools")
    install("bench")
    install("site")
  },
  charts: () => {
    run("node", ["bench/run.ts", "--check"])
  },
  types: () => {
    run("tsc", ["-p", "."])
    run("tsc", ["-p", "bench"])
    run("tsc", ["-p", "viewer"])
    run("tsc", ["-p", "site"])
  },
  diagnostics: () => {
    run(tool("tsc"), ["-p", "."])
  },
  lint: () => {
    run("oxlint", ["--type-aware"])
  },
  format: () => {
    run(tool("dprint"), ["check"])
  },
  unused: () => {
    run(tool("knip"), [])
  },
  examples: () => {
    for (const example of globSync("examples/*.ts", { cwd: root }).toSorted()) {
      run("node", ["--conditions=@effect-parallel/source", example])
    }
  },
  servers: () => {
    const tests = [
      "test/journal/servers.test.ts",
      "test/limit/redis.test.ts",
      "test/backend/bullmq",
      "test/examples/machines.test.ts"
    ]
    // timing matters to its services and their clients, so nothing else runs at the same time
    run("vitest", ["run", "test/limit/http.test.ts"], { env: { SERVERS: "1" } })
    const output = run("vitest", ["run", "--reporter=verbose", ...tests], { env: { SERVERS: "1", NO_COLOR: "1" } })
    const skipped = [...output.matchAll(/^.*\(skipped: this machine has no .*$/gm)].map(([line]) => line.trim())
    if (skipped.length > 0) console.log(skipped.join("\n"))
    if (skipped.length > 0 && process.env["SERVERS"] === "required") throw new Error("a server is missing")
  },
  journal: () => {
    const tests = ["test/journal/sqlite/kills.test.ts", "test/journal/sqlite/damage.test.ts"]
    run("vitest", ["run", ...tests], { env: { JOURNAL_KILLS: "25", JOURNAL_FLIPS: "2500", JOURNAL_STEP: "1" } })
  },
  schedules: () => {
    // schedules of what happens to machines; prints the seed of the first one that goes wrong
    run("vitest", ["run", "test/fuzz/fleet.test.ts"], { env: { FLEET_SCHEDULES: "3000", FLEET_SEED: "1000" } })
  },
  instructions,
  screens: () => {
    needChromium()
    if (spawnSync("tmux", ["-V"]).status !== 0) throw new Error("tmux is missing")
    runWhole(
      "SCREENS",
      "test/report/page.test.ts",
      "test/dashboard/page.test.ts",
      "test/observability/terminal.test.ts",
      "test/examples/summarise/screen.test.ts"
    )
  },
  site: () => {
    needChromium()
    run("node", ["scripts/site.ts"])
    runWhole("SITE", "test/site/site.test.ts")
  },
  package: () =>
    inTemporary("tarball", (folder) => {
      run("npm", ["pack", "--pack-destination", folder])
      const tarball = globSync(join(folder, "*.tgz"))[0]!
      run("publint", ["--strict", tarball])
      run("attw", ["--profile", "esm-only", tarball])
      checkConsumer(tarball)
    })
})
