/**
 * The thread that has the file of a journal, so that an fsync blocks this thread and not the program. Imports nothing
 * of Effect, so that it starts quickly.
 */
import { parentPort } from "node:worker_threads"
import { JournalFile } from "./file.ts"
import type { FileAnswer, FileAnswers, FileRequest } from "./messages.ts"
import { problemOf } from "./problems.ts"

let file: JournalFile | undefined

/** Buffers of an answer that are moved. */
type Moved = Array<ArrayBufferLike>

const answer = (request: FileRequest, moved: Moved): FileAnswers[FileRequest["_tag"]] => {
  if (request._tag === "Open") return (file = new JournalFile(request.path)).opened
  switch (request._tag) {
    case "Begin": {
      const { failed, number, recorded, table } = file!.begin(request.run)
      if (table !== undefined) moved.push(table.memory.buffer)
      return {
        number,
        recorded: recorded!,
        failed: failed!,
        table: table && { words: table.memory, size: table.size }
      }
    }
    case "Append": {
      const { failed, keys, number, texts } = request
      return file!.append(number, keys.map((key, k) => ({ key, text: texts[k]!, failed: failed[k] === 1 })))
    }
    case "Read": {
      const { counts, keys, places } = request
      let at = 0
      return keys.map((key, k) => {
        const of = Array.from({ length: counts[k]! }, () => ({ row: places[at++]!, offset: places[at++]! }))
        return file!.read(key, of)
      })
    }
    case "Forget":
      file!.forget(request.name, request.version)
      return undefined
    case "Inspect":
      return file!.inspected
    case "Close":
      try {
        file?.close()
      } finally {
        parentPort!.close()
      }
      return undefined
  }
}

parentPort!.on("message", (request: FileRequest) => {
  const moved: Moved = []
  let said: FileAnswer
  try {
    said = { value: answer(request, moved) }
  } catch (error) {
    said = { fault: problemOf(error).fault }
  }
  parentPort!.postMessage(said, moved as ReadonlyArray<ArrayBuffer>)
})
