/**
 * The boot code of a worker: it listens, imports the modules of tasks, and passes batches to the runner.
 *
 * This module does not import Effect, so that a worker is ready before Effect is loaded. The runner, which needs
 * Effect, is imported with the first task.
 */
import { enableCompileCache } from "node:module"
import type { Crossing } from "../wire/crossing.ts"
import { type Inside, insideKey } from "../wire/inside.ts"
import { machineNow } from "../wire/machineClock.ts"
import type { Address, BatchMessage, Fault } from "../wire/messages.ts"
import { encodeThrown } from "../wire/thrown.ts"
import type { Link, Runner } from "./link.ts"

const TaskTypeId = "~effect-parallel/Task"

type Module = Readonly<Record<string, unknown>>

/** Listens to the near side until it ends the worker. */
export const boot = (link: Link): void => {
  enableCompileCache()
  const modules = new Map<string, Promise<Module>>()
  /**
   * Batches whose task is being imported, by their identifier. A canceled batch is removed. Invariant: a batch is
   * either answered here (`Refused`, `Done`) or started by the runner, never both. The code that removes it from here
   * decides.
   */
  const waiting = new Map<number, BatchMessage>()
  let loading: Promise<Runner> | undefined
  let runner: Runner | undefined
  /** URLs of modules that opened workers while they were imported. */
  const programs = new Set<string>()
  /** Tasks found so far, by module and name. */
  const tasks = new Map<string, Map<string, Named>>()
  /** Batches that were sent ahead and wait, by their identifier, in the order in which they begin. */
  const line = new Map<number, BatchMessage>()
  /** Number of batches that have begun and are not over. */
  let present = 0
  let ended = false

  /** Called when a batch is over. Begins the first batch in line if no other batch is in progress. */
  const over = (): void => {
    present--
    if (present > 0 || ended) return
    for (const [id, run] of line) {
      line.delete(id)
      return start(run)
    }
  }

  const refuse = (run: BatchMessage, fault: Fault) => {
    if (!waiting.delete(run.id)) return
    link.post({ _tag: "Refused", id: run.id, fault })
    over()
  }

  const upAt = machineNow()

  /** Begins a batch: immediately if its task is known, otherwise after its module is imported. */
  const start = (run: BatchMessage): void => {
    const receivedAt = machineNow()
    present++
    const task = tasks.get(run.module)?.get(run.task)
    if (task === undefined || runner === undefined || programs.has(run.module)) void startImporting(run, receivedAt)
    else runner.run(run, task, { upAt, receivedAt }, over)
  }

  const startImporting = async (run: BatchMessage, receivedAt: number): Promise<void> => {
    waiting.set(run.id, run)
    if (programs.has(run.module)) return refuse(run, { _tag: "ProgramStarted", module: run.module })
    try {
      const module = await load(modules, run.module)
      const { run: begin } = await loadRunner()
      const task = tasksOf(module).find(({ name }) => name === run.task)
      if (!waiting.has(run.id)) return
      if (task === undefined) {
        const found = tasksOf(module).map(({ name }) => name)
        return refuse(run, { _tag: "TaskMissing", module: run.module, task: run.task, found })
      }
      waiting.delete(run.id)
      remember(tasks, run, task)
      begin(run, task, { upAt, receivedAt }, over)
    } catch (error) {
      refuse(run, faultOf(run, error, link.crossing))
    }
  }

  /** Imports the runner once. After a failure, such as a lack of file descriptors, the next call tries again. */
  const loadRunner = (): Promise<Runner> => {
    loading ??= import("./runner.ts").then(({ make }) => runner = make(link))
    loading.catch(() => loading = undefined)
    return loading
  }

  const stop = (id: number): void => {
    if (withdraw(id)) return
    if (!waiting.delete(id)) return runner?.cancel(id)
    link.post({ _tag: "Done", id })
    over()
  }

  /** Returns a batch to the near side if it is still in line. Returns false if it is not. */
  const withdraw = (id: number): boolean => {
    const isInLine = line.delete(id)
    if (isInLine) link.post({ _tag: "Done", id })
    return isInLine
  }

  Object.defineProperty(globalThis, insideKey, {
    value: {
      programStarted: () => {
        for (const run of waiting.values().toArray()) {
          programs.add(run.module)
          refuse(run, { _tag: "ProgramStarted", module: run.module })
        }
      }
    } satisfies Inside
  })
  process.on("uncaughtException", (error) => {
    runner?.flush()
    link.post({ _tag: "Dying", error: encodeThrown(error, link.crossing) })
    process.exit(1)
  })
  process.on("exit", (code) => {
    ended = true
    runner?.flush()
    // no batch runs, so a module that is being imported has ended the worker
    if (runner?.busy() === true) return
    const error = encodeThrown(new Error(`it ended its worker with exit code ${code}`), link.crossing)
    for (const run of waiting.values().toArray()) refuse(run, { _tag: "ModuleFailed", module: run.module, error })
  })

  link.listen((message) => {
    switch (message._tag) {
      case "Run":
        return message.ahead && present > 0 ? void line.set(message.id, message) : start(message)
      case "Withdraw":
        return void withdraw(message.id)
      case "Recall":
        return line.has(message.id) || waiting.has(message.id) ? stop(message.id) : runner?.recall(message.id)
      case "Cancel":
        return stop(message.id)
      case "End":
        ended = true
        for (const id of [...line.keys(), ...waiting.keys()]) stop(id)
        return void (runner?.end() ?? Promise.resolve()).finally(link.close)
    }
  })
  link.post({ _tag: "Ready" })
}

/** Imports a module once. After a failure, the next call imports it again: the cause may be gone by then. */
const load = (modules: Map<string, Promise<Module>>, url: string): Promise<Module> => {
  const known = modules.get(url)
  if (known !== undefined) return known
  const module: Promise<Module> = import(url)
  modules.set(url, module)
  module.catch(() => modules.delete(url))
  return module
}

/** Remembers the task of a batch. */
const remember = (tasks: Map<string, Map<string, Named>>, { module, task: name }: Address, task: Named): void => {
  const named = tasks.get(module) ?? new Map<string, Named>()
  tasks.set(module, named.set(name, task))
}

interface Named {
  readonly name: string
}

const tasksOf = (module: Module): ReadonlyArray<Named> =>
  Object.values(module).filter((value): value is Named & (() => unknown) =>
    typeof value === "function" && TaskTypeId in value
  )

/** Makes the fault of a module that could not be imported: it does not exist, or it threw. */
const faultOf = ({ module }: Address, error: unknown, crossing: Crossing): Fault =>
  isMissing(error, module)
    ? { _tag: "ModuleMissing", module }
    : { _tag: "ModuleFailed", module, error: encodeThrown(error, crossing) }

/** True for the error of Node.js for a missing module. A module may throw anything, so reading the error may throw. */
const isMissing = (error: unknown, module: string): boolean => {
  try {
    const { code, url } = error as { readonly code?: unknown; readonly url?: unknown }
    return code === "ERR_MODULE_NOT_FOUND" && url === module
  } catch {
    return false
  }
}
