// Map and reduce over a CSV of 10,000 rows: its lines in parts, the parts summed at once, the sums joined.
//
//   node examples/04-map-reduce.ts
//
// The rows are made from a seed (census/Csv.ts). Map is a batch node, whose results reach reduce in the order of the parts.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Csv from "./census/Csv.ts"
import * as Program from "./census/Program.ts"

Csv.make(10_000, "census").pipe(
  Effect.flatMap(Program.run),
  Effect.flatMap((table) => Console.log(Program.toText(table))),
  NodeRuntime.runMain
)
