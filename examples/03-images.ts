// A batch flow that applies every filter to every picture. Each pair goes through load, filter (on threads) and save.
//
//   node examples/03-images.ts            saves to a temporary directory, which is deleted at the end
//   node examples/03-images.ts pictures   saves to a directory of your choice
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { BatchFlow, Flow, Node } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { basename } from "node:path"
import { pictures } from "./fixtures/pictures.ts"
import { filter, type Pair } from "./images/filter.ts"

const load = Node.make("load", {
  exec: ({ path }: Pair) => FileSystem.FileSystem.use((fs) => fs.readFile(path)),
  post: (pair, _, bytes) => Node.out("default", { ...pair, bytes })
})
const apply = Node.make("filter", {
  exec: filter,
  post: ({ name, path }, _, bytes) => Node.out("default", { path: path.replace(/\.png$/, `-${name}.png`), bytes })
})
const save = Node.make("save", {
  exec: ({ bytes, path }: { readonly path: string; readonly bytes: Uint8Array }) =>
    FileSystem.FileSystem.use((fs) => Effect.as(fs.writeFile(path, bytes), path))
})
const all = BatchFlow.make("pictures", {
  flow: Flow.chain("pair", load, apply, save),
  collect: "partition",
  concurrency: 4
})

Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* pictures(process.argv[2] ?? (yield* fs.makeTempDirectoryScoped()))
  const pairs = paths.flatMap((path) => (["gray", "invert"] as const).map((name): Pair => ({ path, name })))
  const [saved, failures] = (yield* Flow.run(all, pairs)).value
  for (const { value } of saved) yield* Console.log(`saved ${basename(value)}`)
  for (const { cause, input } of failures) {
    yield* Console.log(`${basename(input.path)}, ${input.name}: ${String(Cause.squash(cause))}`)
  }
}).pipe(Effect.scoped, Effect.provide([NodeFileSystem.layer, Threads.layer()]), NodeRuntime.runMain)
