/**
 * Takes one reading and prints it: `node child.ts ./forEach.ts "ready bodies" ours 1000000`.
 *
 * `measure.ts` starts it. If a number looks odd, run it by hand: with `--cpu-prof` it leaves a profile. It never forces
 * a garbage collection: that discards compiled code, and everything after it is half as fast.
 */
import { type Metric, small, type Topic } from "./measure.ts"

type Program = () => Promise<number>

const [url, groupName, caseName, size] = process.argv.slice(2)
const inputs = Number(size)
const { topic }: { readonly topic: Topic } = await import(new URL(url!, import.meta.url).href)
const group = topic.groups.find((group) => group.name === groupName)!
const prepare = group.cases[caseName!]!

/** Runs a program and checks that it has processed all its inputs. */
const check = async (program: Program, inputs: number): Promise<void> => {
  const done = await program()
  if (done !== inputs) throw new Error(`${caseName}: ${done} of ${inputs} inputs`)
}

const clocked = async (program: Program): Promise<number> => {
  const from = performance.now()
  await check(program, inputs)
  return performance.now() - from
}

/**
 * Measures the mean over the runs that fit into a period, after a warm-up that gives the compiler enough to see. A mean
 * and not a median, because occasional garbage collections are part of the cost.
 */
const time = (program: Program): Promise<number> => mean(program, clocked)

const cpu = (program: Program): Promise<number> => used(program, (from) => process.cpuUsage(from))
const thread = (program: Program): Promise<number> => used(program, (from) => process.threadCpuUsage(from))

const used = (program: Program, usage: (from?: NodeJS.CpuUsage) => NodeJS.CpuUsage): Promise<number> =>
  mean(program, async (program) => {
    const from = usage()
    await check(program, inputs)
    const { system, user } = usage(from)
    return (system + user) / 1000
  })

const mean = async (program: Program, meter: (program: Program) => Promise<number>): Promise<number> => {
  const warmUp = Math.min(inputs, small)
  const first = prepare(warmUp)
  for (const end = performance.now() + (topic.warmUp ?? 400); performance.now() < end;) await check(first, warmUp)
  let [total, runs] = [0, 0]
  for (; runs < 2 || total < 600; runs++) total += await meter(program)
  return total / runs
}

const memory = async (program: Program): Promise<number> => {
  await check(program, inputs)
  return process.resourceUsage().maxRSS / 1024
}

const gap = async (program: Program): Promise<number> => {
  let last = performance.now()
  let longest = 0
  const tick = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const timer = setInterval(tick, 1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  longest = 0
  await check(program, inputs)
  tick()
  clearInterval(timer)
  return longest
}

const meters: Readonly<Record<Metric, (program: Program) => Promise<number>>> = {
  time,
  first: clocked,
  thread,
  cpu,
  memory,
  gap
}

console.log(await meters[group.metric](prepare(inputs)))
process.exit()
