/**
 * Random programs, until one does what it must not: `npm run soak -- fuzz`. It prints the seed and the program of the
 * first that fails.
 *
 * `FUZZ_BACKEND` is `fibers` (the default), `threads` or `processes`; `FUZZ_PROGRAMS` how many programs (default 20000 on
 * fibers, 200 on workers); `FUZZ_SEED` the seed of the first (default: from the clock), each further one has the next.
 * `FUZZ_VALUES=mild` leaves out the values that are hard to look at, and `FUZZ_FAULTS=mild` the tasks that hurt their
 * worker.
 */
import { checkPromise } from "../test/fuzz/fibers.ts"
import { type BackendName, campaign } from "../test/fuzz/fuzz.ts"
import { leavingNothing } from "../test/fuzz/leftovers.ts"
import { mildTaskKinds, taskKinds } from "../test/fuzz/program.ts"
import { checkOn } from "../test/fuzz/workers.ts"
import { watch } from "./watchdog.ts"

const backends: ReadonlyArray<BackendName> = ["fibers", "threads", "processes"]

export const fuzz = async (): Promise<void> => {
  const { FUZZ_BACKEND = "fibers", FUZZ_PROGRAMS, FUZZ_SEED, FUZZ_VALUES } = process.env
  const backend = backends.find((name) => name === FUZZ_BACKEND)
  if (backend === undefined) throw new Error(`FUZZ_BACKEND is ${FUZZ_BACKEND}; it may be ${backends.join(", ")}`)
  const seed = Number(FUZZ_SEED ?? Date.now() % 1_000_000_000)
  const harsh = FUZZ_VALUES !== "mild"
  const programs = Number(FUZZ_PROGRAMS ?? (backend === "fibers" ? 20_000 : 200))
  console.log(`${programs} programs on ${backend}, from seed ${seed}`)
  const watchdog = watch(endless, `FUZZ_BACKEND=${backend} FUZZ_SEED=<seed> FUZZ_PROGRAMS=1 npm run soak -- fuzz`)
  try {
    // what the first program opens for good is not left behind
    await run(backend, seed, 1, harsh, watchdog.begin)
    await leavingNothing(() => run(backend, seed, programs, harsh, watchdog.begin))
  } finally {
    await watchdog.end()
  }
}

const run = async (
  backend: BackendName,
  seed: number,
  programs: number,
  harsh: boolean,
  begin: (seed: number) => void
): Promise<void> => {
  const until = { programs }
  if (backend === "fibers") {
    return void await campaign({ backend, begin, check: checkPromise, seed, until, taste: { harsh } })
  }
  const kinds = process.env["FUZZ_FAULTS"] === "mild" ? mildTaskKinds : taskKinds
  await using workers = checkOn(backend)
  const taste = { kinds, harsh, tasks: true, mostInputs: 24 }
  await campaign({ backend, begin, check: workers.check, seed, until, taste })
}

/** How long one program may take, in milliseconds, before it counts as endless. */
const endless = 180_000
