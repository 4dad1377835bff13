/**
 * Stacks without the frames of libraries. The viewer is bundled with this module, so it imports nothing.
 */

const isFrame = (line: string): boolean => /^\s*at /.test(line)

/**
 * Returns the library that a frame belongs to, undefined for a frame of the program, or "" for a frame of the language.
 */
const libraryOf = (line: string): string | undefined => {
  const folder = line.lastIndexOf("node_modules/")
  if (folder !== -1) return /^(?:@[^/]+\/)?[^/:)]+/.exec(line.slice(folder + "node_modules/".length))?.[0]
  if (/[( ]node:/.test(line)) return "Node.js"
  return line.endsWith("(<anonymous>)") ? "" : undefined
}

/**
 * Folds the frames of libraries: frames that follow one another become a line that counts them. The first frame of a
 * stack stays, even if it belongs to a library, and so does a single library frame.
 */
export const fold = (text: string): string => {
  const lines = text.split("\n")
  const folded: Array<string> = []
  for (let at = 0; at < lines.length;) {
    let end = at
    const libraries = new Set<string>()
    if (isFrame(lines[at]!) && at > 0 && isFrame(lines[at - 1]!)) {
      for (
        let name = libraryOf(lines[end]!);
        name !== undefined && isFrame(lines[end]!);
        name = libraryOf(lines[end] ?? "")
      ) {
        if (name !== "") libraries.add(name)
        end++
      }
    }
    if (end - at < 2) {
      folded.push(lines[at]!)
      at++
    } else {
      const names = libraries.size === 0 ? "JavaScript" : [...libraries].join(", ")
      folded.push(`${/^\s*/.exec(lines[at]!)![0]}… ${end - at} frames of ${names}`)
      at = end
    }
  }
  return folded.join("\n")
}
