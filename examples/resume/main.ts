/**
 * The program that is killed: hashes passwords on two threads, with a journal in the file given as its argument.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { hash } from "./Hash.ts"

const users = Array.from({ length: 60 }, (_, n) => ({ user: `user ${n}`, password: `secret ${n * n}` }))

const program = Effect.gen(function*() {
  let [recalled, ran] = [0, 0]
  yield* Parallel.stream(users, hash, { journal: true, order: "completion" }).pipe(
    Stream.runForEach(({ input, recorded }) => {
      if (recorded !== undefined) return Effect.sync(() => void recalled++)
      ran++
      return Console.log(`hashed ${input.user}`)
    })
  )
  yield* Console.log(`${recalled} recalled, ${ran} hashed, ${recalled + ran} in total`)
})

program.pipe(
  Effect.provide([Threads.layer({ workers: 2 }), Sqlite.layer({ path: process.argv[2]! })]),
  NodeRuntime.runMain
)
