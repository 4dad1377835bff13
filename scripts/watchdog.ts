/**
 * A thread that ends the program if a number stays the same for too long. It works even if the event loop is blocked.
 */
import { writeSync } from "node:fs"
import { isMainThread, Worker, workerData } from "node:worker_threads"

interface Data {
  readonly current: Float64Array
  readonly endless: number
  readonly command: string
}

/**
 * Watches a number. When it has stayed the same for `endless` milliseconds, prints it after `command` and ends the
 * program.
 */
export const watch = (endless: number, command: string) => {
  const current = new Float64Array(new SharedArrayBuffer(8))
  const data: Data = { current, endless, command }
  const worker = new Worker(new URL(import.meta.url), { workerData: data })
  return {
    begin: (seed: number): void => {
      current[0] = seed
    },
    end: (): Promise<number> => worker.terminate()
  }
}

if (!isMainThread) {
  const { command, current, endless } = workerData as Data
  let seed: number | undefined
  let since = performance.now()
  setInterval(() => {
    if (seed !== current[0]) {
      seed = current[0]
      since = performance.now()
    }
    if (performance.now() - since < endless) return
    writeSync(2, `a program did not end: ${command.replace("<seed>", String(seed))}\n`)
    process.kill(process.pid, "SIGKILL")
  }, 1000)
}
