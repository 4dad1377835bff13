// A supervisor that sends bad answers back, until they name a source that was read, or for the fourth time.
//
//   node examples/05-supervisor.ts
//
// The loop is on the edges of the flow (supervisor/Program.ts): "rejected" leads back to the agent, with the objections so
// far. The model is a stub that works offline (supervisor/Model.ts). The chart can be pasted into any Mermaid viewer.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Flow } from "effect-parallel"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Model } from "./supervisor/Model.ts"
import * as Program from "./supervisor/Program.ts"

Program.run(["How high is Mont Blanc?", "How far is the Moon?", "Who will win?"]).pipe(
  Effect.flatMap((lines) => Console.log(`${lines.join("\n")}\n\n${Flow.toMermaid(Program.supervised)}`)),
  Effect.provide(Model.layerStub),
  NodeRuntime.runMain
)
