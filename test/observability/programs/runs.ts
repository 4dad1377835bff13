/** Two concurrent runs in a terminal, one with nested runs. Half of each waits until the given file exists. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schedule } from "effect"
import { Parallel, Progress } from "effect-parallel"
import { existsSync } from "node:fs"

const gate = process.argv[2]!
const opened = Effect.sync(() => existsSync(gate)).pipe(
  Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: (open) => open })
)

const half = (n: number) => n < 10 ? Effect.sleep("10 millis") : opened

const pages = Parallel.run(Array.from({ length: 20 }, (_, i) => i), (n) => n === 3 ? Effect.fail("no") : half(n), {
  name: "pages",
  concurrency: 4
})

const inside = Parallel.forEach(Array.from({ length: 20 }, (_, i) => i), half, { name: "parts", concurrency: 4 })
const books = Parallel.forEach(["only"], () => inside, { name: "books" })

/** Output of user code during the runs, in every possible way. */
const talk = Effect.forEach([1, 2, 3, 4, 5], (n) =>
  Effect.sleep("60 millis").pipe(
    Effect.andThen(Console.log(`console ${n} <`)),
    Effect.andThen(Effect.sync(() => console.error(`plain ${n} <`))),
    Effect.andThen(Effect.logInfo(`logger ${n} <`)),
    Effect.andThen(Effect.sync(() => process.stdout.write(`stream ${n} `))),
    Effect.andThen(Effect.sleep("60 millis")),
    Effect.andThen(Effect.sync(() => process.stdout.write(`<\n`)))
  ), { discard: true })

Effect.all([pages, books, talk], { concurrency: "unbounded" }).pipe(
  Effect.andThen(Console.log("all done")),
  Effect.provide(Progress.layer),
  NodeRuntime.runMain
)
