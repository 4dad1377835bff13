/**
 * The command line: what may be asked for, and how errors are told.
 */
import { Backend, Journal, Progress } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import * as Dashboard from "effect-parallel/Dashboard"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import * as Shutdown from "effect-parallel/platform/Shutdown"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import packageJson from "../../package.json" with { type: "json" }
import * as Program from "./Program.ts"
import { Summariser } from "./Summariser.ts"
import * as Texts from "./Texts.ts"

const positive = (name: string): Flag.Flag<number> =>
  Flag.Int(name).pipe(Flag.filter((n) => n > 0, () => "a positive integer"))

const duration = (name: string): Flag.Flag<Duration.Duration> =>
  Flag.String(name).pipe(Flag.filterMap(
    (text) => Option.filter(Duration.fromInput(text as Duration.Input), Duration.isPositive),
    () => "a duration above 0, as in 90 seconds"
  ))

const flags = {
  paths: Argument.String("path").pipe(
    Argument.variadic(),
    Argument.withDescription(
      `Files and folders; in folders every ${
        Texts.extensions.join(", ")
      } file. Default: the long README.md files of the installed packages`
    )
  ),
  backend: Flag.Literals("backend", ["async", "threads", "processes"]).pipe(
    Flag.withDefault("threads" as const),
    Flag.withDescription("Where sentences are ranked (threads); a model is asked from here, whatever this says")
  ),
  workers: Flag.Int("workers").pipe(
    Flag.filter((n) => n !== 0, () => "an integer other than 0"),
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withDescription("How many threads or processes (one for each core; -2 is one less)")
  ),
  concurrency: positive("concurrency").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withDescription(
      "How many texts are worked on at once (one for each worker; 8 with a model or without workers)"
    )
  ),
  maxErrors: positive("max-errors").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withDescription("Stop when so many texts have failed (half of them, but never fewer than 20)")
  ),
  timeout: duration("timeout").pipe(
    Flag.withDefault(Duration.minutes(1)),
    Flag.withMetavar("duration"),
    Flag.withDescription("How long one attempt at a text may take (\"1 minute\")")
  ),
  report: Flag.String("report").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withMetavar("file"),
    Flag.withDescription(
      "Where the report of the run is written: a page to open in a browser, or JSON if the name ends in .json (a temporary folder)"
    )
  ),
  journal: Flag.String("journal").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withMetavar("file"),
    Flag.withDescription("Record summaries there, and go on where a run with this file was stopped")
  ),
  all: Flag.Boolean("all").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Show every summary and every failed text, and not only as many as the terminal has room for")
  ),
  watch: Flag.Boolean("watch").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Serve a page that shows the run while it goes on, and its report, until Ctrl-C")
  )
}

/** What is wrong on one line; of the environment, which variable. */
const messageOf = (error: { readonly _tag: string; readonly message: string }): string => {
  const { message } = error instanceof Config.ConfigError ? error.cause : error
  return message.replace(/\s+/g, " ")
}

/** Where the packages are that this repository depends on, as seen from here. */
const dependencies = (): string => relative("", fileURLToPath(new URL("../../node_modules", import.meta.url))) || "."

interface Place {
  readonly backend: "async" | "threads" | "processes"
  readonly workers: number | undefined
}

/** Where tasks run. */
const layerOf = ({ backend, workers }: Place): Layer.Layer<never> => {
  switch (backend) {
    case "async":
      return Backend.layer(Backend.async)
    case "threads":
      return Threads.layer({ workers })
    case "processes":
      return Processes.layer({ workers })
  }
}

/** Where summaries are recorded. Without a file none is; with one, the first Ctrl-C lets texts that are under way be done. */
const journalOf = (path: string | undefined) =>
  path === undefined
    ? Journal.layerMemory
    : Layer.merge(Sqlite.layer({ path }), Shutdown.layer({ drain: "10 seconds" }))

/** Shows a run in a browser, and what came of it until the program is stopped. */
const watched = <A, E, R>(run: Effect.Effect<A, E, R>) =>
  run.pipe(
    Effect.andThen(Console.error("The page stays until Ctrl-C")),
    Effect.andThen(Effect.never),
    Effect.provide(Dashboard.layer({ title: "summaries" }))
  )

type Settings = Omit<Program.Settings, "packages"> & Place

const summarise = ({ backend, workers, ...settings }: Settings) => {
  const run = Effect.asVoid(Program.run({ ...settings, packages: dependencies() }))
  return Effect.suspend(() => settings.watch ? watched(run) : run).pipe(
    Effect.provide([Summariser.layer, Progress.layer, layerOf({ backend, workers }), journalOf(settings.journal)]),
    Effect.provideService(References.LogToStderr, true),
    Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: messageOf(cause) }))
  )
}

const command = Command.make("summarise", flags, summarise).pipe(
  Command.withDescription(
    "Summarises many texts at once, each in one sentence: by ranking its sentences, or by the model at OPENAI_BASE_URL."
  )
)

/** Shows what is wrong with a command line, and then where help is; the help itself would push it off the screen. */
const present: CliOutput.Presenter["present"] = (event) =>
  event._tag === "InvalidInvocation"
    ? Console.error(
      `${
        CliOutput.defaultFormatter({ colors: false }).formatErrors(event.errors).trim()
      }\n\nnpm start -- --help says what can be asked for`
    )
    : CliOutput.defaultPresenter.present(event)

/**
 * The command, with everything but the platform's services.
 *
 * **Details**
 *
 * Exit code 0 when at least one text was summarised and the error budget held, 130 after an interruption, and 1
 * otherwise: what was asked for is wrong, too many texts failed, or all did. Errors: shown on stderr when they come.
 */
export const run: Effect.Effect<void, CliError.CliError, Command.Environment> = Command.run(command, {
  version: packageJson.version
}).pipe(
  Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
  Effect.provideService(CliOutput.Presenter, { present })
)
