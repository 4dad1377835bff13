import { assert, describe, it } from "@effect/vitest"
import { cores, workers } from "../../../src/worker/near/cores.ts"

/** A system with these files. */
const system = (files: Readonly<Record<string, string>>) => (file: string) => files[file]

const v1 = (limit: string, period = "100000\n") => ({
  "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": limit,
  "/sys/fs/cgroup/cpu/cpu.cfs_period_us": period
})

describe("cores", () => {
  it("are those of the affinity if there is no quota", () => {
    assert.strictEqual(cores(8, system({})), 8)
    assert.strictEqual(cores(8, system({ "/sys/fs/cgroup/cpu.max": "max 100000\n" })), 8)
    assert.strictEqual(cores(8, system(v1("-1\n"))), 8)
  })

  it("are at most the quota of a container, rounded up", () => {
    assert.strictEqual(cores(8, system({ "/sys/fs/cgroup/cpu.max": "200000 100000\n" })), 2)
    assert.strictEqual(cores(8, system({ "/sys/fs/cgroup/cpu.max": "250000 100000\n" })), 3)
    assert.strictEqual(cores(8, system(v1("150000\n"))), 2)
  })

  it("are at least one, and at most the available ones", () => {
    assert.strictEqual(cores(8, system({ "/sys/fs/cgroup/cpu.max": "10000 100000\n" })), 1)
    assert.strictEqual(cores(2, system({ "/sys/fs/cgroup/cpu.max": "800000 100000\n" })), 2)
    assert.strictEqual(cores(0, system({})), 1)
  })

  it("ignore an invalid quota", () => {
    for (const text of ["", "nonsense", "0 0\n", "100000"]) {
      assert.strictEqual(cores(4, system({ "/sys/fs/cgroup/cpu.max": text })), 4)
    }
  })
})

describe("workers", () => {
  it("are counted down from the cores if negative, and are at least one", () => {
    const all = cores()

    assert.deepStrictEqual([undefined, 3, -1, -2, -1000].map(workers), [all, 3, all, Math.max(1, all - 1), 1])
    for (const odd of [0, 1.5, NaN, Infinity]) assert.throws(() => workers(odd), /`workers`/)
  })
})
