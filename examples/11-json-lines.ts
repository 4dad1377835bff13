// Load JSON lines into SQLite with back-pressure: threads parse, one writer stores, and reading waits for the writer.
//
//   node examples/11-json-lines.ts
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Outcome, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { DatabaseSync } from "node:sqlite"
import { readings } from "./fixtures/readings.ts"
import { parse, type Reading } from "./json-lines/parse.ts"

/** The database refused a transaction. */
class NotStored extends Schema.TaggedError<NotStored>()("NotStored", { cause: Schema.Defect() }) {}

const database = new DatabaseSync(":memory:")
database.exec("create table readings (line integer primary key, station text not null, celsius real not null)")
const layers = Layer.merge(NodeFileSystem.layer, Threads.layer())
const close = Effect.sync(() => database.close())
const insert = database.prepare("insert into readings values (?, ?, ?)")

/** Stores the readings in one transaction. */
const store = (readings: ReadonlyArray<Outcome.Success<string, Reading>>) =>
  Effect.try({
    try: () => {
      database.exec("begin")
      for (const { index, value } of readings) insert.run(index + 1, value.station, value.celsius)
      database.exec("commit")
    },
    catch: (cause) => new NotStored({ cause })
  }).pipe(Effect.tapError(() => Effect.sync(() => database.exec("rollback"))))

Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  let [read, settled, ahead] = [0, 0, 0]
  const lines = fs.stream(yield* readings, { chunkSize: 4096 }).pipe(
    Stream.decodeText(),
    Stream.splitLines, // not `Ndjson.decode`, which ends at the first bad line
    Stream.tap(() => Effect.sync(() => ahead = Math.max(ahead, ++read - settled)))
  )
  yield* Parallel.stream(lines, parse, { preDispatch: 200 }).pipe(
    Stream.grouped(500),
    Stream.runForEach(Effect.fnUntraced(function*(outcomes) {
      yield* store(outcomes.filter(Outcome.isSuccess))
      for (const { cause, index } of outcomes.filter(Outcome.isFailure)) {
        yield* Console.log(`line ${index + 1}: ${String(Cause.squash(cause))}`)
      }
      settled += outcomes.length
    }))
  )
  const { mean, stored } = database.prepare("select count(*) stored, avg(celsius) mean from readings").get()!
  yield* Console.log(`${read} lines read, ${Number(stored)} stored, average ${Number(mean).toFixed(2)} °C`)
  yield* Console.log(`reading was at most ${ahead} lines ahead of the database`)
}).pipe(Effect.ensuring(close), Effect.scoped, Effect.provide(layers), NodeRuntime.runMain)
