/**
 * Starts nothing by importing or by building the layer. Then has workers, and ends although they are idle. Prints what
 * it keeps of the event loop at each of these points.
 */
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as tasks from "../workerTasks.ts"

const layers = { threads: Threads.layer, processes: Processes.layer }
const kind = process.argv[2] as keyof typeof layers
const say = (when: string) =>
  console.log(JSON.stringify({ when, resources: process.getActiveResourcesInfo(), listeners: listeners() }))
const listeners = () => [process, process.stdout, process.stderr].map((emitter) => emitter.eventNames().length)

listeners()
say("imported")
const scope = Scope.makeUnsafe()
const context = await Effect.runPromise(Layer.buildWithScope(layers[kind]({ workers: 2 }), scope))
say("built")
const values = await Effect.runPromise(Effect.provideContext(Effect.all([tasks.tiny(4), tasks.tiny(9)]), context))
say(`ran ${values.join()}`)
