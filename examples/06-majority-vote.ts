// Ask nine voters at once, and stop as soon as the majority is certain: nobody waits for the one who takes an hour.
//
//   node examples/06-majority-vote.ts
//
// Votes are counted as they come (`Parallel.stream` in vote/Program.ts); ending the stream interrupts the voters that are
// still at it. The voters are stubs that work offline.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Program from "./vote/Program.ts"

Program.run("What is the capital of Australia?").pipe(
  Effect.flatMap(Console.log),
  Effect.provide(Program.Voters.layerStub),
  NodeRuntime.runMain
)
