// Runs all checks of CI apart from the tests: types, Effect diagnostics, lint, format, unused code, examples, the
// package. `node scripts/check.ts [step…]` runs only the named steps.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const tool = (name: string) => join(root, "tools", "node_modules", ".bin", name)
const source = "--conditions=@effect-parallel/source"

/** Runs a command. Prints its output only if it fails. */
const run = (command: string, args: ReadonlyArray<string>, options: { readonly cwd?: string } = {}): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    cwd: options.cwd ?? root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} exited with ${status}\n${stdout}${stderr}`)
  return stdout
}

const withTarball = (check: (tarball: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "effect-parallel-"))
  try {
    run("npm", ["pack", "--pack-destination", folder])
    check(globSync(join(folder, "*.tgz"))[0]!)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Installs the tarball with the peer in a project of its own, and runs a check there. */
const inProject = (tarball: string, check: (folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "effect-parallel-consumer-"))
  const modules = join(folder, "node_modules")
  try {
    cpSync(join(root, "scripts", "consumer"), folder, { recursive: true })
    mkdirSync(join(modules, "effect-parallel"), { recursive: true })
    run("tar", ["-xzf", tarball, "--strip-components=1", "-C", join(modules, "effect-parallel")])
    symlinkSync(join(root, "node_modules", "effect"), join(modules, "effect"))
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    check(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const steps: Readonly<Record<string, () => void>> = {
  tools: () => {
    for (const folder of ["tools", "bench"].map((name) => join(root, name))) {
      if (!existsSync(join(folder, "node_modules"))) run("npm", ["install", "--no-package-lock"], { cwd: folder })
    }
  },
  types: () => {
    run("tsc", ["-p", "."])
    run("tsc", ["-p", "bench"])
    run("tsc", ["-p", "viewer"])
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
    for (const example of globSync("examples/*.ts", { cwd: root }).toSorted()) run("node", [source, example])
  },
  package: () => {
    withTarball((tarball) => {
      run("publint", ["--strict", tarball])
      run("attw", ["--profile", "esm-only", tarball])
      inProject(tarball, (folder) => run("node", ["main.ts"], { cwd: folder }))
    })
  }
}

const named = process.argv.slice(2)
for (const [name, step] of Object.entries(steps)) {
  if (named.length > 0 && !named.includes(name)) continue
  const from = performance.now()
  try {
    step()
    console.log(`ok ${name} (${((performance.now() - from) / 1000).toFixed(1)} s)`)
  } catch (error) {
    console.error(`failed ${name}`)
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}
