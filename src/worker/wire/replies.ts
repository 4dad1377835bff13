/**
 * Recognizes the messages of a worker. A task can find the channel of its process and may write anything to it.
 */
import type { Exits, FromFar } from "./messages.ts"
import { areValues, type WireValues } from "./numbers.ts"
import { lengthOf } from "./times.ts"

export type Fields = Readonly<Record<string, unknown>>

/** True if a value has the form of a message of a worker. Does not check the values of tasks inside it. */
export const isReply = (value: unknown): value is FromFar => {
  if (typeof value !== "object" || value === null) return false
  const message = value as Fields
  switch (message["_tag"]) {
    case "Ready":
      return true
    case "Dying":
      return isTagged(message["error"])
    case "Exits":
      return isExits(message)
    case "Done":
      return isId(message["id"])
    case "Refused":
      return isId(message["id"]) && isTagged(message["fault"])
    case "Log":
      return isId(message["id"]) && isIndex(message["position"], -1) && typeof message["level"] === "string" &&
        areTagged(message["message"]) && areTagged(message["cause"]) && typeof message["annotations"] === "object" &&
        isOutOfBand(message["outOfBand"])
    default:
      return false
  }
}

const isExits = (message: Fields): boolean => {
  const { id, over, times, values } = message as { readonly [K in keyof Exits]: unknown }
  return isExitsLike(message) && isId(id) && typeof over === "boolean" && times instanceof Float64Array &&
    (times.length === lengthOf((values as WireValues).length) || times.length === lengthOf(1))
}

/** True if a message has valid exits, the part that messages of workers and of machines share. */
export const isExitsLike = (message: Fields): boolean => {
  const { failures, from, outOfBand, places, values } = message as { readonly [K in keyof Exits]: unknown }
  return isIndex(from) && areValues(values) && values.length > 0 && areEntries(places, isIndex) &&
    areEntries(failures, isFailure) && isOutOfBand(outOfBand)
}

const isFailure = (failure: unknown): boolean => {
  if (!isTagged(failure)) return false
  return failure._tag === "Fault" ? isTagged((failure as Fields)["fault"]) : areTagged((failure as Fields)["reasons"])
}

const isOutOfBand = (value: unknown): boolean =>
  value === undefined || (typeof value === "object" && value !== null && Array.isArray((value as Fields)["paths"]))

export const isTagged = (value: unknown): value is { readonly _tag: string } =>
  typeof value === "object" && value !== null && typeof (value as Fields)["_tag"] === "string"

export const areTagged = (values: unknown): boolean => Array.isArray(values) && values.every(isTagged)

const areEntries = (values: unknown, isValue: (value: unknown) => boolean): boolean =>
  Array.isArray(values) &&
  values.every((entry) => Array.isArray(entry) && isIndex(entry[0]) && isValue(entry[1]))

const isId = (value: unknown): boolean => isIndex(value, 1)

export const isIndex = (value: unknown, least = 0): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least
