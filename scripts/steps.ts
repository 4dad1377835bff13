// Runs the steps of a script, all of them or those named on its command line. Stops at the first that fails.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))

/** Runs a command in the root, or in `cwd`, and returns its output. Throws with the output if the command fails. */
export const run = (command: string, args: ReadonlyArray<string>, options: {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
} = {}): string => {
  const { error, signal, status, stderr, stdout } = spawnSync(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} exited with ${status ?? signal}\n${stdout}${stderr}`)
  return stdout
}

/** Installs the dependencies of a folder that has a `package.json` of its own, if one of them is missing. */
export const install = (...path: ReadonlyArray<string>): void => {
  const cwd = join(root, ...path)
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8")) as {
    readonly dependencies?: object
    readonly devDependencies?: object
  }
  const isThere = (name: string): boolean => existsSync(join(cwd, "node_modules", name))
  if (!Object.keys({ ...dependencies, ...devDependencies }).every(isThere)) {
    run("npm", ["install", "--no-package-lock"], { cwd })
  }
}

/** A check that passes unless it throws. */
export type Step = () => void | Promise<void>

/** Runs the steps in order, and prints how long each took. */
export const runSteps = async (steps: Readonly<Record<string, Step>>): Promise<void> => {
  const named = process.argv.slice(2)
  const unknown = named.filter((name) => !Object.hasOwn(steps, name))
  if (unknown.length > 0) {
    console.error(`unknown step ${unknown.join(", ")}; the steps are ${Object.keys(steps).join(", ")}`)
    process.exit(1)
  }
  for (const [name, step] of Object.entries(steps)) {
    if (named.length > 0 && !named.includes(name)) continue
    const from = performance.now()
    try {
      await step()
      console.log(`ok ${name} (${((performance.now() - from) / 1000).toFixed(1)} s)`)
    } catch (error) {
      console.error(`failed ${name}`)
      console.error(error instanceof Error ? error.message : error)
      process.exit(1)
    }
  }
}
