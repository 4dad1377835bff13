/**
 * Thrown values in the form in which they cross to and from workers. Does not import Effect, so that a worker can boot
 * with it.
 */
import { shorten } from "../../primitives/shorten.ts"
import { type Arrived, type Crossing, type OutOfBandWriter, send } from "./crossing.ts"
import type { Sent, Thrown, ThrownError } from "./messages.ts"

/** The most levels of causes, the most errors in total, and the most fields of an error that are sent. */
const mostLevels = 10
const mostErrors = 100
const mostFields = 1000

/** Encodes a thrown value so that it can be sent. Never throws. */
export const encodeThrown = (
  value: unknown,
  crossing: Crossing,
  outOfBand?: OutOfBandWriter
): Thrown => new Encoder(crossing, outOfBand).encode(value, mostLevels)

class Encoder {
  private readonly crossing: Crossing
  private readonly outOfBand: OutOfBandWriter | undefined
  private left = mostErrors

  constructor(crossing: Crossing, outOfBand: OutOfBandWriter | undefined) {
    this.crossing = crossing
    this.outOfBand = outOfBand
  }

  encode(value: unknown, levels: number): Thrown {
    if (isError(value) && this.left-- > 0) return { _tag: "Error", error: this.error(value, levels - 1) }
    return attempt(() => send(value, this.crossing, this.outOfBand)) ?? { _tag: "Shown", text: shorten(value, 400) }
  }

  private error(error: Error, levels: number): ThrownError {
    const stack = attempt(() => error.stack)
    const cause = levels === 0 ? undefined : attempt(() => error.cause)
    const errors = levels === 0 ? undefined : attempt(() => (error as AggregateError).errors)
    return {
      name: textOf(() => error.name),
      message: textOf(() => error.message),
      stack: typeof stack === "string" ? stack : undefined,
      cause: cause === undefined ? undefined : this.encode(cause, levels),
      errors: isAggregate(error) && Array.isArray(errors)
        ? errors.slice(0, mostErrors).map((each) => this.encode(each, levels))
        : undefined,
      fields: this.fields(error)
    }
  }

  private fields(error: Error): Record<string, Sent> {
    const fields: Record<string, Sent> = {}
    for (const key of (attempt(() => Object.keys(error)) ?? []).slice(0, mostFields)) {
      if (standardFields.has(key)) continue
      const value = () => (error as unknown as Record<string, unknown>)[key]
      const field = attempt(() => send(value(), this.crossing, this.outOfBand))
      if (field !== undefined) define(fields, key, field, true)
    }
    return fields
  }
}

const isError = (value: unknown): value is Error => attempt(() => value instanceof Error) === true

const isAggregate = (error: Error): boolean => attempt(() => error instanceof AggregateError) === true

/** Reads a text that may have any type at run time, or may not be readable. */
const textOf = (read: () => unknown): string => attempt(() => String(read())) ?? "(it cannot be read)"

/** Returns the result of a function, or `undefined` if it throws. */
const attempt = <A>(get: () => A): A | undefined => {
  try {
    return get()
  } catch {
    return undefined
  }
}

const standardFields = new Set(["name", "message", "stack", "cause"])

/**
 * Decodes a thrown value. `values` are the out-of-band values of its message. An error becomes an instance of the
 * standard class of its name, if there is one.
 */
export const decodeThrown = (wire: Thrown, values: ReadonlyArray<Arrived> = []): unknown => {
  switch (wire._tag) {
    case "Value":
    case "OutOfBand":
      return receive(wire, values)
    case "Shown":
      return wire.text
    case "Error":
      return decodeError(wire.error, values)
  }
}

/** Returns a value that was sent, or a text if it could not be read. */
const receive = (sent: Sent, values: ReadonlyArray<Arrived>): unknown => {
  if (sent._tag === "Value") return sent.value
  const arrived = values[sent.place]
  return arrived !== undefined && "value" in arrived ? arrived.value : "(it is nested too deeply)"
}

const classes: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError
}

const decodeError = (wire: ThrownError, values: ReadonlyArray<Arrived>): Error => {
  const { fields, name, stack } = wire
  const error = makeError(wire, values)
  for (const [key, field] of Object.entries(fields)) define(error, key, receive(field, values), true)
  define(error, "name", name, false)
  define(error, "stack", stack, false)
  return error
}

const makeError = ({ cause, errors, message, name }: ThrownError, values: ReadonlyArray<Arrived>): Error => {
  const options = cause === undefined ? undefined : { cause: decodeThrown(cause, values) }
  return errors === undefined
    ? new (Object.hasOwn(classes, name) ? classes[name]! : Error)(message, options)
    : new AggregateError(errors.map((each) => decodeThrown(each, values)), message, options)
}

/** Defines a property with any name. Standard properties of errors are not enumerable. */
const define = (object: object, key: string, value: unknown, enumerable: boolean): void => {
  Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true })
}
