/**
 * The flow: every filter over every image, each pair through load, filter and save.
 */
import { BatchFlow, Flow, Node } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { filters } from "./Filters.ts"
import { fromPpm, type Image, paint, toPpm } from "./Image.ts"

/** A file that is no picture. */
class NoPicture extends Schema.TaggedError<NoPicture>("images/NoPicture")("NoPicture", { file: Schema.String }) {}

/** One image, one filter. */
interface Pair {
  readonly folder: string
  readonly image: string
  readonly filter: keyof typeof filters
}

const read = Effect.fnUntraced(function*({ folder, image }: Pair) {
  const fs = yield* FileSystem.FileSystem
  const file = `${folder}/${image}.ppm`
  const picture = fromPpm(yield* fs.readFile(file))
  return picture === undefined ? yield* new NoPicture({ file }) : picture
})

const load = Node.make("load", {
  exec: read,
  post: (pair, _, picture) => Node.out("default", { ...pair, picture })
})

const filter = Node.make("filter", {
  exec: (loaded: Pair & { readonly picture: Image }) => ({
    ...loaded,
    picture: filters[loaded.filter](loaded.picture)
  })
})

const save = Node.make("save", {
  exec: Effect.fnUntraced(function*({ filter, folder, image, picture }: Pair & { readonly picture: Image }) {
    const fs = yield* FileSystem.FileSystem
    const name = `${image}-${filter}.ppm`
    yield* fs.writeFile(`${folder}/${name}`, toPpm(picture))
    return name
  })
})

const names = ["gray", "sepia", "blur"] as const

const process = BatchFlow.make("process", {
  prep: ({ folder, images }: { readonly folder: string; readonly images: ReadonlyArray<string> }) =>
    images.flatMap((image) => names.map((filter): Pair => ({ folder, image, filter }))),
  flow: Flow.chain("picture", load, filter, save),
  post: (_, outs) => Node.out("saved", outs.map(({ value }) => value)),
  concurrency: 4
})

/** The pictures that the example starts from, 64 by 48 pixels each. */
export const pictures: Readonly<Record<string, Image>> = {
  dusk: paint(64, 48, (x, y) => [4 * x, 120 - 2 * y, 160 + 2 * y]),
  board: paint(64, 48, (x, y) => (x >> 3) + (y >> 3) & 1 ? [240, 220, 180] : [60, 40, 30]),
  rings: paint(64, 48, (x, y) => {
    const wave = 127 + 127 * Math.cos(Math.hypot(x - 32, y - 24) / 2)
    return [wave, 255 - wave, 128]
  })
}

/** Paints the pictures into a folder, runs every filter over each, and names the files that came of it. */
export const run = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.forEach(
    Object.entries(pictures),
    ([name, picture]) => fs.writeFile(`${folder}/${name}.ppm`, toPpm(picture))
  )
  return (yield* Flow.run(process, { folder, images: Object.keys(pictures) })).value
})
