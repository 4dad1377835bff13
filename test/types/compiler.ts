/** The compilers, as users of the library see them: that of the project, and TypeScript 5.9, which many editors still run. */
import { getLibFiles, ts } from "@ts-morph/common"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))

/** Makes a program of TypeScript 5.9 with the options of the project. `texts` are files that are not on the disk. */
export const oldProgram = (
  files: ReadonlyArray<string>,
  texts: ReadonlyMap<string, string> = new Map()
): ts.Program => {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (file) => ts.sys.readFile(file)) as {
    readonly config: object
  }
  const options = { ...ts.parseJsonConfigFileContent(config, ts.sys, root).options, noEmit: true }
  const host = ts.createCompilerHost(options)
  const library = new Map(getLibFiles().map(({ fileName, text }) => [`/lib/${fileName}`, text]))
  const known = (file: string) => texts.get(file) ?? library.get(file)
  return ts.createProgram(files, options, {
    ...host,
    getDefaultLibLocation: () => "/lib",
    getDefaultLibFileName: (options) => `/lib/${ts.getDefaultLibFileName(options)}`,
    fileExists: (file) => known(file) !== undefined || host.fileExists(file),
    readFile: (file) => known(file) ?? host.readFile(file),
    getSourceFile: (file, version) => {
      const text = known(file)
      return text === undefined ? host.getSourceFile(file, version) : ts.createSourceFile(file, text, version)
    }
  })
}

/** Returns the messages of TypeScript 5.9 for a program, by line number, from 1. */
export const oldMessagesOf = (source: string): ReadonlyMap<number, string> => {
  const file = join(root, "test", "types", "program.ts")
  const program = oldProgram([file], new Map([[file, source]]))
  const messages = new Map<number, string>()
  for (const { messageText, start } of ts.getPreEmitDiagnostics(program, program.getSourceFile(file))) {
    const line = program.getSourceFile(file)!.getLineAndCharacterOfPosition(start ?? 0).line + 1
    messages.set(line, `${messages.get(line) ?? ""}${ts.flattenDiagnosticMessageText(messageText, "\n")}\n`)
  }
  return messages
}

/** Returns the messages of the compiler for a program that imports the library, by line number, from 1. */
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
