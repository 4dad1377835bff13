import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of translations retries what is refused with 429, and shows the unknown language", () =>
  Effect.gen(function*() {
    const lines = yield* run("02-translate.ts")
    const page = (heading: string, text: string) =>
      `<h1>${heading}</h1> <p>${text}</p> <pre><code>git push </code></pre>`

    assert.deepStrictEqual(lines.slice(0, -1), [
      page("Godmorgen", "Toget er <em>forsinket</em>."),
      page("Guten Morgen", "Der Zug ist <em>verspätet</em>."),
      page("Buenos días", "El tren llega <em>tarde</em>."),
      page("Bonjour", "Le train est <em>en retard</em>."),
      page("Buongiorno", "Il treno è <em>in ritardo</em>."),
      page("Goedemorgen", "De trein is <em>te laat</em>."),
      page("Bom dia", "O comboio está <em>atrasado</em>."),
      page("God morgon", "Tåget är <em>försenat</em>."),
      "xx: Refused: unknown language xx"
    ])
    assert.match(lines.at(-1)!, /^requests refused before the limit adapted: [1-9]\d*$/)
  }))
