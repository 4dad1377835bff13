// Three filters over three pictures, every pair at once through load, filter and save.
//
//   node examples/03-images.ts            into a folder that is deleted at the end
//   node examples/03-images.ts pictures   into a folder of yours
//
// The pictures are painted by the example (images/Program.ts) and saved as PPM, which most viewers open. The pairs are the
// items of a batch flow; what one pair loads, no other sees.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Program from "./images/Program.ts"

Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const [, , given] = process.argv
  const folder = given ?? (yield* fs.makeTempDirectoryScoped())
  yield* fs.makeDirectory(folder, { recursive: true })
  const files = yield* Program.run(folder)
  yield* Console.log(files.map((file) => `saved ${file}`).join("\n"))
}).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer), NodeRuntime.runMain)
