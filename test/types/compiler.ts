/** The compiler, as a user of the library meets it. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What the compiler says of each line of a program that imports the library, by the number of the line, from 1. */
export const messagesOf = (source: string): ReadonlyMap<number, string> => {
  const home = mkdtempSync(join(root, "test", "types", "messages-"))
  try {
    writeFileSync(join(home, "program.ts"), source)
    writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ extends: "../../../tsconfig.json", include: ["*.ts"] }))
    const { stdout } = spawnSync(join(root, "node_modules", ".bin", "tsc"), ["-p", home, "--pretty", "false"], {
      encoding: "utf8"
    })
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
