/** The things that a program may leave behind in its process. */
import { readdirSync, readFileSync } from "node:fs"

interface Leftovers {
  readonly descriptors: number
  readonly children: number
  readonly threads: number
  readonly listeners: number
  /** The resources that keep the event loop running, by kind. */
  readonly resources: Readonly<Record<string, number>>
}

/** Resources that come and go with output and with the garbage collector. */
const passing = /^(TTYWrap|PipeWrap|FSReq|Immediate|TickObject)/

const take = (): Leftovers => {
  const resources: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) {
    if (!passing.test(name)) resources[name] = (resources[name] ?? 0) + 1
  }
  return {
    descriptors: readdirSync("/proc/self/fd").length,
    children: readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean).length,
    threads: readdirSync("/proc/self/task").length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    resources
  }
}

/** True if there are no more resources of any kind than before. */
const isNoMore = (after: Leftovers, before: Leftovers): boolean =>
  after.descriptors <= before.descriptors && after.children <= before.children && after.threads <= before.threads &&
  after.listeners <= before.listeners &&
  Object.entries(after.resources).every(([name, count]) => count <= (before.resources[name] ?? 0))

/** Milliseconds after which remaining resources count. */
const patience = 10_000

/** Runs `body` and reports what it leaves behind: descriptors, children, threads, listeners, timers, ports. */
export const leavingNothing = async <A>(body: () => Promise<A>): Promise<A> => {
  const before = take()
  const result = await body()
  const end = performance.now() + patience
  for (let after = take(); !isNoMore(after, before); after = take()) {
    if (performance.now() > end) {
      throw new Error(`left behind: before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return result
}
