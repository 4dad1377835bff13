import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { redis } from "../backend/bullmq/machines.ts"
import { onServer } from "../onServer.ts"

const example = fileURLToPath(new URL("../../examples/09-machines.ts", import.meta.url))
const args = ["--conditions=@effect-parallel/source", example]

const title = "the example of machines counts primes"

const output = (env: NodeJS.Dict<string>) =>
  Effect.map(
    Effect.promise(() => promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })),
    ({ stdout }) => stdout
  )

it.live(`${title} on threads, without Redis`, () =>
  Effect.gen(function*() {
    const text = yield* output({ REDIS_URL: undefined })
    assert.match(text, /^78498 primes below a million\nprimes: 100 of 100 succeeded/)
  }), 60_000)

onServer("Redis", `${title} on machines`, () => {
  it.live(`${title} on machines`, () =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = yield* redis
      const env = { REDIS_URL: `redis://127.0.0.1:${port}` }
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, [...args, "worker"], { env: { ...process.env, ...env }, stdio: "ignore" })
        ),
        (worker) => Effect.sync(() => worker.kill("SIGKILL"))
      )
      assert.match(yield* output(env), /^78498 primes below a million\nprimes: 100 of 100 succeeded/)
    })), 60_000)
})
