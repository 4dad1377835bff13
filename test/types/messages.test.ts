import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL(".", import.meta.url))

/** What the compiler says of each line of a file, whose imports are the library's. */
const messagesOf = (source: string): ReadonlyMap<number, string> => {
  const home = mkdtempSync(join(folder, "messages-"))
  try {
    writeFileSync(join(home, "program.ts"), source)
    writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ extends: "../../../tsconfig.json", include: ["*.ts"] }))
    const { stdout } = spawnSync("tsc", ["-p", home, "--pretty", "false"], { encoding: "utf8" })
    const messages = new Map<number, string>()
    for (const message of stdout.split(/^(?=\S*program\.ts\()/m)) {
      const line = Number(/program\.ts\((\d+)/.exec(message)?.[1])
      messages.set(line, `${messages.get(line) ?? ""}${message}`)
    }
    return messages
  } finally {
    rmSync(home, { recursive: true })
  }
}

describe("what does not compile", () => {
  const directive = /\/\/ @ts-expect-error (.*)$/
  const source = readFileSync(join(folder, "Flow.test-d.ts"), "utf8")
  const reasons = source.split("\n").flatMap((line, i) => {
    const reason = directive.exec(line)?.[1]
    return reason === undefined ? [] : [{ line: i + 1, reason }]
  })

  it("is refused for the reason that is stated", () => {
    const messages = messagesOf(source.replaceAll("@ts-expect-error", "expected:"))
    const below = (line: number) => messages.get(line + 1) ?? messages.get(line + 2) ?? "nothing"
    const others = reasons.filter(({ line, reason }) => !below(line).includes(reason))

    assert.isAbove(reasons.length, 25)
    assert.deepStrictEqual(others.map(({ line, reason }) => ({ line, reason, said: below(line) })), [])
    assert.strictEqual(messages.size, reasons.length, [...messages.values()].join("\n"))
  }, 60_000)
})
