import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Node } from "effect-parallel"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import { text, translations } from "../../examples/translate/Phrasebook.ts"
import * as Program from "../../examples/translate/Program.ts"
import * as Server from "../../examples/translate/Server.ts"

const languages = Object.keys(translations)

describe("translate", () => {
  it.live("gives every translation in the order of the languages, though the service refuses some at first", () =>
    Effect.gen(function*() {
      const server = yield* Server.make
      const lines = yield* Program.run({ url: server.url, text, languages })
      const { answered, refused } = server.stats()

      assert.deepStrictEqual(lines, [
        "da  Godmorgen. Toget er forsinket. Tak.",
        "de  Guten Morgen. Der Zug hat Verspätung. Danke.",
        "es  Buenos días. El tren llega tarde. Gracias.",
        "fr  Bonjour. Le train est en retard. Merci.",
        "it  Buongiorno. Il treno è in ritardo. Grazie.",
        "nl  Goedemorgen. De trein is te laat. Dank u.",
        "pt  Bom dia. O comboio está atrasado. Obrigado.",
        "sv  God morgon. Tåget är försenat. Tack."
      ])
      assert.strictEqual(answered, 8)
      assert.isAbove(refused, 0)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live("a language that the service does not know ends the batch, and the error says where", () =>
    Effect.gen(function*() {
      const server = yield* Server.make
      const cause = yield* Effect.flip(Effect.sandbox(
        Program.run({ url: server.url, text, languages: ["de", "xx", "fr"] })
      ))

      assert.deepStrictEqual(
        Node.location(cause),
        Option.some({
          path: "translation/translate[1]",
          node: "translate",
          index: 1,
          attempt: 1
        })
      )
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
})
