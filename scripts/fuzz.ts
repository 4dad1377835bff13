/**
 * Runs random programs until one misbehaves: `npm run soak -- fuzz`. Prints the seed and the program of the first that
 * fails.
 *
 * `FUZZ_BACKEND` is `fibers` (the default), `threads` or `processes`. `FUZZ_PROGRAMS` is the number of programs
 * (default: 20000 on fibers, 200 on workers). `FUZZ_SEED` is the seed of the first program (default: from the clock);
 * each further program has the next seed. `FUZZ_VALUES=mild` leaves out values that are hard to read, and
 * `FUZZ_FAULTS=mild` leaves out tasks that harm their worker.
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
  if (backend === undefined) throw new Error(`FUZZ_BACKEND is ${FUZZ_BACKEND}; use one of ${backends.join(", ")}`)
  const seed = Number(FUZZ_SEED ?? Date.now() % 1_000_000_000)
  const harsh = FUZZ_VALUES !== "mild"
  const programs = Number(FUZZ_PROGRAMS ?? (backend === "fibers" ? 20_000 : 200))
  console.log(`${programs} programs on ${backend}, from seed ${seed}`)
  const watchdog = watch(endless, `FUZZ_BACKEND=${backend} FUZZ_SEED=<seed> FUZZ_PROGRAMS=1 npm run soak -- fuzz`)
  try {
    // a first program, so that everything that stays open for good is open before leftovers are counted
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

/** Time after which a program counts as endless, in milliseconds. */
const endless = 180_000
