// The task that runs on threads: decodes a PNG file, filters its pixels and encodes it again.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { PNG } from "pngjs"

const filters = {
  gray: (red: number, green: number, blue: number) => Array<number>(3).fill(0.3 * red + 0.59 * green + 0.11 * blue),
  invert: (red: number, green: number, blue: number) => [255 - red, 255 - green, 255 - blue]
}

/** The path of a picture and the name of the filter to apply. */
export interface Pair {
  readonly path: string
  readonly name: keyof typeof filters
}

/** The bytes are not a PNG file. */
class NotPng extends Schema.TaggedError<NotPng>()("NotPng", { message: Schema.String }) {}

export const filter = Task.make("filter", {
  module: import.meta.url,
  error: NotPng,
  run: ({ bytes, name }: Pair & { readonly bytes: Uint8Array }) =>
    Effect.try({
      try: (): Uint8Array => {
        const png = PNG.sync.read(Buffer.from(bytes))
        for (let at = 0; at < png.data.length; at += 4) {
          png.data.set(filters[name](png.data[at]!, png.data[at + 1]!, png.data[at + 2]!), at)
        }
        return PNG.sync.write(png)
      },
      catch: (error) => new NotPng({ message: String(error) })
    })
})
