// Translate a text into eight languages at once, by a service that is slow and refuses what is too much (429).
//
//   node examples/02-translate.ts
//
// The service is a stub on this machine (translate/Server.ts). The flow is translate/Program.ts: a batch node with a limit
// that learns from the refusals, retries and a timeout, and a node that joins what came back.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import { text, translations } from "./translate/Phrasebook.ts"
import * as Program from "./translate/Program.ts"
import * as Server from "./translate/Server.ts"

Effect.gen(function*() {
  const server = yield* Server.make
  const lines = yield* Program.run({ url: server.url, text, languages: Object.keys(translations) })
  const { answered, refused } = server.stats()
  yield* Console.log(`en  ${text}\n${lines.join("\n")}`)
  yield* Console.log(`${answered} answers, ${refused} refusals`)
}).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer), NodeRuntime.runMain)
