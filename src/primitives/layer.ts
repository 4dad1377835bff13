/**
 * Check of options that take a layer.
 */
import * as Layer from "effect/Layer"
import { hasProperty } from "effect/Predicate"
import { wrongType } from "./check.ts"

/**
 * Checks for a layer or undefined. A module that makes layers, or a function that does, is refused with the word that
 * is missing: `Threads` for `Threads.layer()`.
 */
export const optionalLayer = (name: string, value: unknown): void => {
  if (value === undefined || Layer.isLayer(value)) return
  const hint = typeof value === "function"
    ? ": call it to make the layer"
    : makesLayers(value)
    ? ": call its `layer()`"
    : ""
  wrongType(name, "a Layer", value, hint)
}

/** Returns true if a value has a function `layer`, which may throw when it is read. */
const makesLayers = (value: unknown): boolean => {
  try {
    return hasProperty(value, "layer") && typeof value.layer === "function"
  } catch {
    return false
  }
}
