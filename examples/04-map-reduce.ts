// Map-reduce: threads parse and sum one CSV file each, then the sums are combined. Bad rows are shown with their lines.
//
//   node examples/04-map-reduce.ts
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { census } from "./fixtures/census.ts"
import { sumFile } from "./map-reduce/sumFile.ts"

Effect.gen(function*() {
  const [files, failures] = yield* Parallel.partition(yield* census, sumFile)
  const regions = Map.groupBy(files.flatMap(({ sums }) => Object.entries(sums)), ([region]) => region)
  for (const region of [...regions.keys()].toSorted()) {
    const [people, income] = regions.get(region)!.reduce(([n, sum], [, s]) => [n + s.people, sum + s.income], [0, 0])
    yield* Console.log(`${region}: ${people} people, ${Math.round(income / people)} a year`)
  }
  for (const message of files.flatMap(({ bad }) => bad)) yield* Console.log(`skipped ${message}`)
  for (const { cause } of failures) yield* Console.log(String(Cause.squash(cause)))
}).pipe(Effect.scoped, Effect.provide([NodeFileSystem.layer, Threads.layer()]), NodeRuntime.runMain)
