/**
 * The number of processors, and of workers.
 */
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { numberWhere } from "../../primitives/check.ts"

/** Files in which Linux gives the processor quota of a container: cgroup version 2, then version 1. */
const quotaFile = "/sys/fs/cgroup/cpu.max"
const quotaFiles = ["/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"] as const

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/** Reads the quota in processors. Returns `Infinity` if there is none. */
const quota = (readFile: typeof read): number => {
  const [limit, period] = readFile(quotaFile)?.split(" ") ?? quotaFiles.map(readFile)
  const processors = Number(limit) / Number(period)
  return processors > 0 ? processors : Infinity
}

/**
 * Returns the number of processors that this process may use: those of its affinity, but at most the quota of its
 * container, rounded up. The result is at least 1.
 */
export const cores = (available = availableParallelism(), readFile = read): number =>
  Math.max(1, Math.min(available, Math.ceil(quota(readFile))))

/**
 * Converts the `workers` option to a number. As in joblib, -1 means all cores and -2 all but one. `undefined` means
 * all.
 */
export const workers = (option: number | undefined): number => {
  if (option === undefined) return cores()
  const count = numberWhere("workers", option, "an integer other than 0", (n) => Number.isSafeInteger(n) && n !== 0)
  return count > 0 ? count : Math.max(1, cores() + 1 + count)
}
