/**
 * Pictures as pixels, and as files of the simplest format there is: binary PPM, three bytes a pixel.
 */

/** Rows of pixels from the top left, three bytes (red, green, blue) each. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Paints an image, pixel by pixel; channels are rounded, and cut to 0 to 255. */
export const paint = (
  width: number,
  height: number,
  pixel: (x: number, y: number) => readonly [red: number, green: number, blue: number]
): Image => {
  const data = new Uint8Array(3 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x)
      data.set(pixel(x, y).map((channel) => Math.max(0, Math.min(255, Math.round(channel)))), at)
    }
  }
  return { width, height, data }
}

/** The pixel at a place; beyond the edge, the nearest one. */
export const at = ({ data, height, width }: Image, x: number, y: number): readonly [number, number, number] => {
  const column = Math.max(0, Math.min(width - 1, x))
  const row = Math.max(0, Math.min(height - 1, y))
  const i = 3 * (row * width + column)
  return [data[i]!, data[i + 1]!, data[i + 2]!]
}

/** An image as a PPM file. */
export const toPpm = ({ data, height, width }: Image): Uint8Array => {
  const head = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`)
  const file = new Uint8Array(head.length + data.length)
  file.set(head)
  file.set(data, head.length)
  return file
}

/** The image in a PPM file that `toPpm` could have written; `undefined` when it is no such file. */
export const fromPpm = (file: Uint8Array): Image | undefined => {
  const head = /^P6\n(\d+) (\d+)\n255\n/.exec(new TextDecoder("latin1").decode(file.subarray(0, 40)))
  if (head === null) return undefined
  const [width, height] = [Number(head[1]), Number(head[2])]
  const data = file.slice(head[0].length)
  return data.length === 3 * width * height ? { width, height, data } : undefined
}
