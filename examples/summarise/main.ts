// Summarise many texts at once: bounded concurrency, an error budget, retries, a timeout and a limit that adapts.
//
//   npm start                        the documentation of the installed packages
//   npm start -- docs notes.txt      files and folders of yours
//   npm start -- --watch             in a browser, while it goes on
//   npm start -- --report run.html   the page about the run goes there, and not to a temporary folder
//   npm start -- --backend async     on fibers instead of worker threads
//   npm start -- --journal run.db    recorded: the same command again summarises only what was not done, or has changed
//   npm start -- --help              what else can be said
//
// Summaries are sentences of the texts themselves, ranked by how central they are; no network, no model. With
// OPENAI_BASE_URL (and OPENAI_API_KEY, OPENAI_MODEL) in the environment, the model there is asked instead.
//
// The run itself is `Parallel.run` in Program.ts; what is done with one file is Summary.ts: a task that
// ranks sentences on worker threads, or the same as a function that asks a model.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Cli from "./Cli.ts"

Cli.run.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
