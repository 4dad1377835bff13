/** Servers that tests start themselves, if they are installed. */
import { NodeRedis } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { layerBackingRedis, layerBackingSql } from "effect/persistence/Persistence"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A running server. */
export interface TestServer {
  readonly port: number
  readonly stop: () => void
}

/** Finds a free port. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })

/** Waits until a server answers or has ended. */
const answers = async (child: ChildProcess, ask: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 600; tries++) {
    if (ask()) return
    if (child.exitCode !== null) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error("the server does not answer")
}

export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0

export const startRedis = async (): Promise<TestServer> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-parallel-redis-"))
  const port = await freePort()
  const child = spawn("redis-server", ["--port", `${port}`, "--dir", folder, "--save", "", "--appendonly", "yes"], {
    stdio: "ignore"
  })
  const stop = () => {
    child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
  await answers(child, () => spawnSync("redis-cli", ["-p", `${port}`, "ping"]).stdout.toString().trim() === "PONG")
  return { port, stop }
}

/** The folder of the newest version of PostgreSQL, or `undefined` if it is not installed. */
const postgres = globSync("/usr/lib/postgresql/*/bin").toSorted().at(-1)

export const hasPostgres = postgres !== undefined && existsSync(join(postgres, "initdb"))

export const startPostgres = async (): Promise<TestServer> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-parallel-postgres-"))
  const port = await freePort()
  // the server refuses to run as root
  const nobody = 65_534
  const asNobody = process.getuid?.() === 0
    ? ["setpriv", "--reuid", `${nobody}`, "--regid", `${nobody}`, "--clear-groups"]
    : []
  if (asNobody.length > 0) chownSync(folder, nobody, nobody)
  const [initdb, server, ready] = ["initdb", "postgres", "pg_isready"].map((name) => join(postgres!, name))
  const command = (program: string, ...args: ReadonlyArray<string>) => [...asNobody, program, ...args]
  const data = join(folder, "data")
  const [first, ...rest] = command(initdb!, "-D", data, "-U", "tester", "-A", "trust", "--no-sync")
  execFileSync(first!, rest, { stdio: "ignore", cwd: folder })
  const [head, ...args] = command(server!, "-D", data, "-p", `${port}`, "-k", folder, "-h", "127.0.0.1")
  const child = spawn(head!, args, { stdio: "ignore", cwd: folder })
  const stop = () => {
    child.kill("SIGINT")
    child.once("close", () => rmSync(folder, { recursive: true, force: true }))
  }
  await answers(child, () => spawnSync(ready!, ["-h", "127.0.0.1", "-p", `${port}`]).status === 0)
  return { port, stop }
}

/** By default the client keeps commands without a connection and reconnects forever. This one fails them instead. */
export const redisLayer = ({ port }: TestServer) => {
  const socket = { host: "127.0.0.1", port, reconnectStrategy: false } as const
  return layerBackingRedis.pipe(Layer.provide(NodeRedis.layer({ socket, disableOfflineQueue: true })), Layer.orDie)
}

export const postgresLayer = ({ port }: TestServer) =>
  layerBackingSql.pipe(
    Layer.provide(PgClient.layer({
      host: "127.0.0.1",
      port,
      username: "tester",
      database: "postgres",
      password: Redacted.make("")
    })),
    Layer.orDie
  )

/** A layer of a server that does not exist yet when the tests are registered. */
export const ofServer = <A>(
  server: () => Promise<TestServer>,
  layer: (server: TestServer) => Layer.Layer<A>
): Layer.Layer<A> => Layer.unwrap(Effect.map(Effect.promise(server), layer))
