// Summarize many texts concurrently, with a concurrency limit, a budget of failures, retries, a timeout and an adaptive
// limit.
//
//   npm start                        summarizes the documentation of the installed packages
//   npm start -- docs notes.txt      summarizes your own files and folders
//   npm start -- --watch             shows the run in a browser
//   npm start -- --report run.html   writes the report there, not to a temporary folder
//   npm start -- --backend async     runs on fibers instead of worker threads
//   npm start -- --journal run.db    records summaries: the same command again summarizes only what is new or changed
//   npm start -- --help              lists all options
//
// A summary is the most central sentence of the text; this needs no network and no model. If OPENAI_BASE_URL (and
// OPENAI_API_KEY, OPENAI_MODEL) is set, that model is asked instead.
//
// The run is `Parallel.run` in Program.ts. The work on one file is in Summary.ts: a task that ranks sentences on
// workers, or the same function asking a model.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Cli from "./Cli.ts"

Cli.run.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
