/** A machine ends with its layer and leaves nothing that keeps its process alive, even if Redis does not answer. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { freePort } from "../../journal/servers.ts"
import { onServer } from "../../onServer.ts"
import { lastingRedis } from "./machines.ts"

const main = fileURLToPath(new URL("endsMain.ts", import.meta.url))

/** Starts a machine, acts on Redis, ends the machine, and returns whether its process ends by itself. */
const exits = (port: number, disturb: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--conditions=@effect-parallel/source", main, String(port)], {
          stdio: ["pipe", "pipe", "ignore"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const exited = new Promise<boolean>((resolve) => child.once("exit", (code) => resolve(code === 0)))
    yield* Effect.promise(() => new Promise((resolve) => child.stdout.once("data", resolve)))
    yield* disturb
    child.stdin.write("end\n")
    return yield* Effect.timeout(Effect.promise(() => exited), "20 seconds")
  })

onServer("Redis", "machines that end", () => {
  describe("a machine that ends lets its process end", () => {
    const nothing = Effect.void
    const cases = {
      "when Redis is there": () => nothing,
      "when Redis is killed": (kill: Effect.Effect<void>) => kill,
      "when Redis is killed and started again": (kill: Effect.Effect<void>, start: Effect.Effect<void>) =>
        Effect.andThen(kill, start)
    }
    for (const [title, disturb] of Object.entries(cases)) {
      it.live(title, () =>
        Effect.scoped(Effect.gen(function*() {
          const { kill, port, start } = yield* lastingRedis
          assert.isTrue(yield* exits(port, disturb(kill, start)))
        })), 60_000)
    }

    it.live("if Redis was never there", () =>
      Effect.scoped(Effect.gen(function*() {
        const port = yield* Effect.promise(freePort)
        assert.isTrue(yield* exits(port, nothing))
      })), 60_000)
  })
})
