/** Campaigns: programs from consecutive seeds, until one fails. */
import { inspect } from "node:util"
import { draw, fiberKinds, type Program, type Taste } from "./program.ts"

export type BackendName = "fibers" | "threads" | "processes"

export interface Campaign {
  readonly backend: BackendName
  readonly check: (program: Program) => Promise<void>
  /** Seed of the first program. Each further program has the next seed. */
  readonly seed: number
  readonly until: { readonly programs: number } | { readonly millis: number }
  readonly taste?: Partial<Taste>
  /** Called with each seed before its program runs. */
  readonly begin?: (seed: number) => void
}

const fiberTaste: Taste = { kinds: fiberKinds, harsh: true, tasks: false, mostInputs: 12 }

/** Runs programs and returns how many. Throws with the seed and the program of the first that fails. */
export const campaign = async ({ backend, begin, check, seed, taste, until }: Campaign): Promise<number> => {
  const from = performance.now()
  const goesOn = (programs: number): boolean =>
    "programs" in until ? programs < until.programs : performance.now() - from < until.millis
  let programs = 0
  for (; goesOn(programs); programs++) {
    begin?.(seed + programs)
    const program = draw(seed + programs, { ...fiberTaste, ...taste })
    try {
      await check(program)
    } catch (error) {
      const shown = inspect(program, { depth: 9, breakLength: 120 })
      throw new Error(
        `${error instanceof Error ? error.message : inspect(error)}\n` +
          `replay with FUZZ_BACKEND=${backend} FUZZ_SEED=${
            seed + programs
          } FUZZ_PROGRAMS=1 npm run soak -- fuzz\n${shown}`,
        { cause: error }
      )
    }
  }
  return programs
}
