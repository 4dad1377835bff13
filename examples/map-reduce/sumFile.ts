// The task that runs on threads: reads one CSV file as a stream and sums its rows by region.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Csv from "effect/encoding/Csv"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { basename } from "node:path"

const Row = Schema.Tuple([Schema.NonEmptyString, Schema.String, Schema.Int, Schema.Finite])
const decode = Schema.decodeUnknownResult(Schema.toCodecStringTree(Row))

const Summed = Schema.Struct({
  sums: Schema.Record(Schema.String, Schema.Struct({ people: Schema.Int, income: Schema.Finite })),
  bad: Schema.Array(Schema.String)
})

/** The file cannot be read, or stops being CSV at some line. */
class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { message: Schema.String }) {}

const sum = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const sums: Record<string, { readonly people: number; readonly income: number }> = {}
  const bad: Array<string> = []
  let line = 1
  const add = (cells: Csv.Row) => {
    const row = decode(cells)
    if (row._tag === "Success") {
      const [region, , , income] = row.success
      const { people, income: sum } = sums[region] ?? { people: 0, income: 0 }
      sums[region] = { people: people + 1, income: sum + income }
    } else if (line > 1) bad.push(`${basename(path)}:${line}: ${row.failure.message.replaceAll(/\n\s*/g, " ")}`)
    // quoted cells may contain line breaks
    line += cells.join().split("\n").length
  }
  yield* fs.stream(path).pipe(Stream.pipeThroughChannel(Csv.decode()), Stream.map(add), Stream.runDrain)
  return { sums, bad }
})

export const sumFile = Task.make("sumFile", {
  module: import.meta.url,
  payload: Schema.String,
  success: Summed,
  error: Unreadable,
  layer: NodeFileSystem.layer,
  run: (path): Effect.Effect<typeof Summed.Type, Unreadable, FileSystem.FileSystem> =>
    Effect.catchTags(sum(path), {
      CsvError: ({ line, message }) => new Unreadable({ message: `${basename(path)}:${line}: ${message}` }),
      PlatformError: ({ message }) => new Unreadable({ message })
    })
})
