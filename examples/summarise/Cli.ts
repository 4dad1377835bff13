/**
 * The command line: its arguments, flags and error messages.
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
    () => "a duration above 0, for example 90 seconds"
  ))

/** Breaks the description of a flag, so that the lines of `--help` fit a terminal of 80 columns. */
const indent = `\n${" ".repeat(27)}`

const flags = {
  paths: Argument.String("path").pipe(
    Argument.variadic(),
    Argument.withDescription(
      `Files, and folders with ${Texts.extensions.join(", ")} files.\n${
        " ".repeat(20)
      }Default: README.md of the installed packages`
    )
  ),
  backend: Flag.Literals("backend", ["async", "threads", "processes"]).pipe(
    Flag.withDefault("threads" as const),
    Flag.withDescription(`Where sentences are ranked; not used with a model.${indent}Default: threads`)
  ),
  workers: Flag.Int("workers").pipe(
    Flag.filter((n) => n !== 0, () => "an integer other than 0"),
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withDescription(`Number of threads or processes; -2 leaves one core${indent}free. Default: one for each core`)
  ),
  concurrency: positive("concurrency").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withDescription(
      `Number of texts in flight. Default: one for each${indent}worker, or 8 with a model or without workers`
    )
  ),
  maxErrors: positive("max-errors").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withDescription(`Stop when this many texts have failed. Default: half${indent}of the texts, but at least 20`)
  ),
  timeout: duration("timeout").pipe(
    Flag.withDefault(Duration.minutes(1)),
    Flag.withMetavar("duration"),
    Flag.withDescription("Time limit for each attempt. Default: \"1 minute\"")
  ),
  report: Flag.String("report").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withMetavar("file"),
    Flag.withDescription(
      `Write the report to this file: JSON if its name ends${indent}in .json, else a page. Default: a temporary folder`
    )
  ),
  journal: Flag.String("journal").pipe(
    Flag.optional,
    Flag.map(Option.getOrUndefined),
    Flag.withMetavar("file"),
    Flag.withDescription(`Record summaries in this file, and continue the run${indent}that it has recorded`)
  ),
  all: Flag.Boolean("all").pipe(
    Flag.withDefault(false),
    Flag.withDescription(`Show every summary and every failed text, not only as${indent}many as fit on the terminal`)
  ),
  watch: Flag.Boolean("watch").pipe(
    Flag.withDefault(false),
    Flag.withDescription(`Serve a page that shows the run in progress and then${indent}its report, until Ctrl-C`)
  )
}

/**
 * Returns the message of an error on one line; of a `ConfigError` the message of its cause, which names the variable.
 */
const messageOf = (error: { readonly _tag: string; readonly message: string }): string => {
  const { message } = error instanceof Config.ConfigError ? error.cause : error
  return message.replace(/\s+/g, " ")
}

/** The folder of the packages that this repository depends on, relative to the working directory. */
const dependencies = (): string => relative("", fileURLToPath(new URL("../../node_modules", import.meta.url))) || "."

interface Place {
  readonly backend: "async" | "threads" | "processes"
  readonly workers: number | undefined
}

/** Provides the backend that the flags ask for. */
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

/** Provides the journal. With a file, the first Ctrl-C lets the texts in flight finish, for up to 10 seconds. */
const journalOf = (path: string | undefined) =>
  path === undefined
    ? Journal.layerMemory
    : Layer.merge(Sqlite.layer({ path }), Shutdown.layer({ drain: "10 seconds" }))

/** Serves the run to a browser, and then its report until the program is stopped. */
const watched = <A, E, R>(run: Effect.Effect<A, E, R>) =>
  run.pipe(
    Effect.andThen(Console.error("The page is served until Ctrl-C")),
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
    "Summarizes many texts concurrently, in one sentence each: by ranking the\n" +
      "  sentences of the text, or with the model at OPENAI_BASE_URL."
  )
)

/** Prints the errors of a command line and a hint at `--help`. The help itself would push the errors off the screen. */
const present: CliOutput.Presenter["present"] = (event) =>
  event._tag === "InvalidInvocation"
    ? Console.error(
      `${
        CliOutput.defaultFormatter({ colors: false }).formatErrors(event.errors).trim()
      }\n\nnpm start -- --help lists the options`
    )
    : CliOutput.defaultPresenter.present(event)

/**
 * Runs the command. Needs only the services of the platform.
 *
 * **Details**
 *
 * Exits with 0 if at least one text was summarized and the failures stayed within the budget, with 130 after an
 * interruption, and with 1 otherwise: the command line is wrong, too many texts failed, or all did. Errors are printed
 * on stderr as they occur.
 */
export const run: Effect.Effect<void, CliError.CliError, Command.Environment> = Command.run(command, {
  version: packageJson.version
}).pipe(
  Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
  Effect.provideService(CliOutput.Presenter, { present })
)
