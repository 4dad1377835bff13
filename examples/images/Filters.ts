/**
 * Filters over images.
 */
import { at, type Image, paint } from "./Image.ts"

export type Filter = (image: Image) => Image

/** Grey as bright as the colour (ITU-R BT.601). */
const gray: Filter = (image) =>
  paint(image.width, image.height, (x, y) => {
    const [red, green, blue] = at(image, x, y)
    const luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return [luma, luma, luma]
  })

/** The tones of an old photograph. */
const sepia: Filter = (image) =>
  paint(image.width, image.height, (x, y) => {
    const [red, green, blue] = at(image, x, y)
    return [
      0.393 * red + 0.769 * green + 0.189 * blue,
      0.349 * red + 0.686 * green + 0.168 * blue,
      0.272 * red + 0.534 * green + 0.131 * blue
    ]
  })

const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dx, dy] as const))

/** Each pixel the mean of the nine around it. */
const blur: Filter = (image) =>
  paint(image.width, image.height, (x, y) => {
    const sum = [0, 0, 0] as [number, number, number]
    for (const [dx, dy] of around) at(image, x + dx, y + dy).forEach((channel, i) => sum[i]! += channel)
    return [sum[0] / 9, sum[1] / 9, sum[2] / 9]
  })

export const filters: Readonly<Record<"gray" | "sepia" | "blur", Filter>> = { gray, sepia, blur }
