/**
 * Takes one reading and prints it: `node child.ts ./forEach.ts "ready bodies" ours 1000000`. Of a
 * survey it takes all readings: `node child.ts ./machines.ts "tasks that do nothing"`.
 *
 * `measure.ts` starts it. If a number looks odd, run it by hand: with `--cpu-prof` it leaves a profile. It never forces
 * a garbage collection: that discards compiled code, and everything after it is half as fast.
 */
import { type Case, mark, type Metric, small, type Topic } from "./measure.ts"

type Program = () => Promise<number>
type Meter = (prepare: Case) => Promise<number>

const [url, groupName, caseName, size] = process.argv.slice(2)
const inputs = Number(size)
const { topic }: { readonly topic: Topic } = await import(new URL(url!, import.meta.url).href)

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

/** Makes a meter of the CPU time that a program takes. */
const used = (usage: (from?: NodeJS.CpuUsage) => NodeJS.CpuUsage): Meter =>
  mean(async (program) => {
    const from = usage()
    await check(program, inputs)
    const { system, user } = usage(from)
    return (system + user) / 1000
  })

/**
 * Makes a meter of the mean over the runs that fit into a period, after a warm-up that gives the compiler enough to see.
 * A mean and not a median, because occasional garbage collections are part of the cost.
 */
function mean(take: (program: Program) => Promise<number>): Meter {
  return async (prepare) => {
    const program = prepare(inputs)
    const warmUp = Math.min(inputs, small)
    const first = prepare(warmUp)
    for (const end = performance.now() + (topic.warmUp ?? 400); performance.now() < end;) await check(first, warmUp)
    let [total, runs] = [0, 0]
    for (; runs < 2 || total < 600; runs++) total += await take(program)
    return total / runs
  }
}

const memory: Meter = async (prepare) => {
  await check(prepare(inputs), inputs)
  return process.resourceUsage().maxRSS / 1024
}

const gap: Meter = async (prepare) => {
  const program = prepare(inputs)
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

const meters: Readonly<Record<Metric, Meter>> = {
  time: mean(clocked),
  first: (prepare) => clocked(prepare(inputs)),
  thread: used((from) => process.threadCpuUsage(from)),
  cpu: used((from) => process.cpuUsage(from)),
  memory,
  gap
}

const group = topic.groups.find(({ name }) => name === groupName)!
const reading = await ("read" in group ? group.read() : meters[group.metric](group.cases[caseName!]!))
console.log(`${mark}${JSON.stringify(reading)}`)
process.exit()
