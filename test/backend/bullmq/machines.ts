/** Machines as separate processes, which tests start, stop, freeze and kill. */
import { assert } from "@effect/vitest"
import { Effect, type Layer, type Scope } from "effect"
import * as BullMQ from "effect-parallel/backend/BullMQ"
import { Redis } from "ioredis"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort, startRedis, type TestServer } from "../../journal/servers.ts"
import type { MachineArgs } from "./machineMain.ts"

const main = fileURLToPath(new URL("machineMain.ts", import.meta.url))

/** A machine that was started. */
export interface TestMachine {
  readonly name: string
  readonly process: ChildProcess
  readonly signal: (signal: NodeJS.Signals) => void
  /** Resolves with the exit code when it has ended, or with `null` if a signal ended it. */
  readonly ended: Promise<number | null>
}

export const startMachine = (args: MachineArgs): Effect.Effect<TestMachine, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(
        process.execPath,
        ["--conditions=@effect-parallel/source", main, JSON.stringify(args)],
        { stdio: ["ignore", "ignore", process.env["MACHINES"] === "loud" ? "inherit" : "ignore"] }
      )
      const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)))
      return { name: args.machine, process: child, signal: (signal: NodeJS.Signals) => void child.kill(signal), ended }
    }),
    ({ ended, process }) =>
      Effect.promise(() => {
        process.kill("SIGKILL")
        return ended
      })
  )

export const redis: Effect.Effect<TestServer, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(startRedis),
  ({ stop }) => Effect.sync(stop)
)

/** Waits until this many machines listen to a queue. */
export const present = (port: number, queue: string, count: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    const client = new Redis(port)
    for (let tries = 0; tries < 400; tries++) {
      const channels = await client.pubsub("CHANNELS", `bull:${queue}:machine:*`)
      if (channels.length >= count) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    client.disconnect()
  })

/** The keys in Redis, except those that BullMQ keeps for a queue. */
export const keysLeft = (port: number, queue: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const client = new Redis(port)
    const keys = await client.keys("*")
    client.disconnect()
    const kept = new Set(["meta", "id", "events", "marker", "stalled-check"].map((name) => `bull:${queue}:${name}`))
    return keys.filter((key) => !kept.has(key)).toSorted()
  })

/** Waits until only keys of BullMQ are left. Machines keep a batch until its program has acknowledged it. */
export const nothingLeft = (port: number, queue: string): Effect.Effect<void> =>
  Effect.gen(function*() {
    let left = yield* keysLeft(port, queue)
    for (let tries = 0; left.length > 0 && tries < 50; tries++) {
      yield* Effect.sleep("100 millis")
      left = yield* keysLeft(port, queue)
    }
    assert.deepStrictEqual(left, [])
  })

/** A program on a queue. */
export const program = (
  port: number,
  queue: string,
  options: Partial<BullMQ.ProgramOptions> = {}
): Layer.Layer<never> => BullMQ.layer({ connection: `redis://127.0.0.1:${port}`, queue, ...options })

/** A Redis with an append-only file, which can be killed and started again on its port. */
export const lastingRedis: Effect.Effect<
  { readonly port: number; readonly kill: Effect.Effect<void>; readonly start: Effect.Effect<void> },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const folder = mkdtempSync(join(tmpdir(), "effect-parallel-redis-"))
  const port = yield* Effect.promise(freePort)
  let child: ChildProcess | undefined
  const kill = Effect.promise(async () => {
    const ended = new Promise((resolve) => child?.once("exit", resolve))
    if (child?.kill("SIGKILL") === true) await ended
  })
  const start = Effect.promise(async () => {
    const options = [
      "--port",
      `${port}`,
      "--dir",
      folder,
      "--save",
      "",
      "--appendonly",
      "yes",
      "--appendfsync",
      "always"
    ]
    child = spawn("redis-server", options, { stdio: "ignore" })
    const client = new Redis({ port, maxRetriesPerRequest: null, retryStrategy: () => 20 })
    client.on("error", () => {})
    await client.ping()
    client.disconnect()
  })
  yield* Effect.acquireRelease(
    start,
    () => Effect.andThen(kill, Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  )
  return { port, kill, start }
})

/** A proxy to a port. It can be cut; then no connection stays open. */
export const wayTo = (
  port: number
): Effect.Effect<
  { readonly port: number; readonly cut: Effect.Effect<void>; readonly mend: Effect.Effect<void> },
  never,
  Scope.Scope
> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const sockets = new Set<Socket>()
        let isCut = false as boolean
        const server = createServer((near) => {
          if (isCut) {
            near.destroy()
            return
          }
          const far = connect(port, "127.0.0.1")
          for (const [socket, other] of [[near, far], [far, near]] as const) {
            sockets.add(socket)
            socket.on("error", () => {}).on("close", () => {
              sockets.delete(socket)
              other.destroy()
            })
            socket.pipe(other)
          }
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        const cut = Effect.sync(() => {
          isCut = true
          for (const socket of sockets) socket.destroy()
        })
        const mend = Effect.sync(() => void (isCut = false))
        return { port: (server.address() as AddressInfo).port, cut, mend, server }
      }),
      ({ cut, server }) => Effect.andThen(cut, Effect.sync(() => server.close()))
    ),
    ({ cut, mend, port }) => ({ port, cut, mend })
  )
