// Two agents that talk over queues: one hints at a word without saying it, the other guesses.
//
//   node examples/07-two-agents.ts
//
// Each agent is a flow that loops (taboo/Program.ts), and both run at once in a `Flow.race`: the one who hints ends the game,
// which interrupts the one who waits for more. Their queues are a service.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Program from "./taboo/Program.ts"

Program.run("binoculars").pipe(
  Effect.flatMap((lines) => Console.log(lines.join("\n"))),
  NodeRuntime.runMain
)
