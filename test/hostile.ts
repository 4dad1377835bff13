/** Hostile texts and values, which code that shows them must survive. */

/** Character codes from one to another, both included. */
const codes = (from: number, to: number): Array<number> => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Texts of one control character, direction mark, other invisible character or half of a surrogate pair each. */
export const marks: ReadonlyArray<string> = [
  ...codes(0x00, 0x1f),
  ...codes(0x7f, 0x9f),
  0x61c,
  ...codes(0x200b, 0x200f),
  ...codes(0x2028, 0x202e),
  ...codes(0x2066, 0x2069),
  0xfeff,
  0xd800,
  0xdbff,
  0xdc00,
  0xdfff
].map((code) => String.fromCharCode(code))

/** All of `marks` between letters, so that no two halves make a whole and no white space is at an end. */
export const marked = `a${marks.join("z")}z`

/**
 * Returns the marks that are still in a text, as numbers. `allowed` are marks that the text may have: the line breaks
 * of a text of several lines, the escape of a terminal.
 */
export const marksIn = (text: string, allowed = ""): ReadonlyArray<string> =>
  marks
    .filter((mark) => !allowed.includes(mark) && (isHalf(mark) ? hasHalf(text, mark) : text.includes(mark)))
    .map((mark) => `U+${mark.charCodeAt(0).toString(16).padStart(4, "0")}`)

const isHalf = (mark: string): boolean => mark >= "\ud800" && mark <= "\udfff"

/** True if a text has this half of a surrogate pair without the other half. */
const hasHalf = (text: string, half: string): boolean => Array.from(text).includes(half)

const boom = (): never => {
  throw new Error("read")
}

/** Defines a getter that throws, and returns the object. */
const throwing = <A extends object>(object: A, ...keys: ReadonlyArray<PropertyKey>): A => {
  for (const key of keys) Object.defineProperty(object, key, { get: boom, enumerable: true, configurable: true })
  return object
}

const withProperty = <A extends object>(object: A, key: PropertyKey, value: unknown): A =>
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })

/** A proxy whose every trap throws. */
const unreadable = <A extends object>(target: A): A => new Proxy(target, new Proxy({}, { get: () => boom }))

const revoked = <A extends object>(target: A): A => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const cyclic = (): object => {
  const object: Record<string, unknown> = { a: 1 }
  object["self"] = object
  object["list"] = [object]
  return object
}

const cyclicError = (): Error => {
  const error = new Error("a circle")
  error.cause = new Error("half of it", { cause: error })
  return error
}

/** An error that has a cause, which has a cause, and so on. */
export const chain = (length: number): Error => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  let error = new Error("the first of all")
  for (let i = 1; i < length; i++) error = new Error(`number ${i}`, { cause: error })
  Error.stackTraceLimit = stackTraceLimit
  return error
}

/** Objects and arrays in each other. */
export const nested = (levels: number): object => {
  let value: object = {}
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? { value } : [value]
  return value
}

const longArray = (): Array<unknown> => {
  const array: Array<unknown> = [1]
  array.length = 4_000_000_000
  return array
}

/** An object whose field is another such object, made when it is read. */
const endless = (): object => ({
  get next() {
    return endless()
  }
})

/** Values of every kind that cause trouble when they are shown, written or only read. */
export const values: ReadonlyArray<readonly [name: string, value: unknown]> = [
  ["an error whose message throws", throwing(new Error("no"), "message")],
  ["an error whose name throws", throwing(new Error("no"), "name")],
  ["an error whose stack throws", throwing(new Error("no"), "stack")],
  ["an error whose cause throws", throwing(new Error("no"), "cause")],
  ["an error whose field throws", throwing(new Error("no"), "code")],
  ["an error whose constructor throws", throwing(new Error("no"), "constructor")],
  ["an error of which everything throws", throwing(new Error("no"), "message", "name", "stack", "cause", "toString")],
  ["an error whose name is a symbol", withProperty(new Error("no"), "name", Symbol("name"))],
  ["an error whose message is a symbol", withProperty(new Error("no"), "message", Symbol("message"))],
  ["an error whose message is an object", withProperty(new Error("no"), "message", { not: "a text" })],
  ["an error whose message is undefined", withProperty(new Error("no"), "message", undefined)],
  ["an error whose stack is a number", withProperty(new Error("no"), "stack", 5)],
  ["an error whose cause is unreadable", new Error("no", { cause: unreadable({}) })],
  ["an error with marks", new Error(marked, { cause: new TypeError(marked) })],
  ["an error named by marks", withProperty(new Error("no"), "name", marked)],
  ["an error without a prototype", Object.setPrototypeOf(new Error("no"), null)],
  ["an error in a circle", cyclicError()],
  ["an error with 20 000 causes", chain(20_000)],
  ["an error with a long message", new Error("long ".repeat(1_000_000))],
  ["an object whose field throws", throwing({ a: 1 }, "b")],
  ["an object whose constructor throws", throwing({ a: 1 }, "constructor")],
  ["an object whose constructor is named by a symbol", { constructor: { name: Symbol("name") } }],
  ["an object whose constructor is named by marks", { constructor: { name: marked } }],
  ["an object whose tag throws", throwing({ a: 1 }, Symbol.toStringTag)],
  ["an object whose toJSON throws", { a: 1, toJSON: boom }],
  ["an object whose toString throws", { a: 1, toString: boom, valueOf: boom, [Symbol.toPrimitive]: boom }],
  ["an object without a prototype", Object.create(null)],
  ["an object whose name, message, stack and cause throw", throwing({}, "name", "message", "stack", "cause")],
  ["an object with then, which throws", throwing({}, "then")],
  ["an object with marks", { [marked]: marked }],
  ["an object with a long key", { ["key ".repeat(100_000)]: 1 }],
  ["an object in a circle", cyclic()],
  ["an object of 20 000 levels", nested(20_000)],
  ["an object without an end", endless()],
  ["an array whose length throws", new Proxy([1], { get: (_, key) => key === "length" ? boom() : 1 })],
  ["an array whose elements throw", throwing([1, 2], 0, 1)],
  ["an array of length 4 000 000 000", longArray()],
  ["an array of unprintable things", [unreadable({}), revoked([]), Symbol("s"), () => {}]],
  ["a map whose size throws", throwing(new Map(), "size")],
  ["bytes whose length throws", throwing(new Uint8Array(1), "byteLength", "length")],
  ["bytes whose constructor throws", throwing(new Uint8Array(1), "constructor")],
  ["no date", new Date(NaN)],
  ["a date whose toISOString throws", withProperty(new Date(0), "toISOString", boom)],
  ["a proxy of a date", new Proxy(new Date(0), {})],
  ["a proxy whose every trap throws", unreadable({})],
  ["a proxy of an error whose every trap throws", unreadable(new Error("no"))],
  ["a proxy of a function whose every trap throws", unreadable(() => {})],
  ["a revoked proxy", revoked({})],
  ["a revoked proxy of an array", revoked([])],
  ["a revoked proxy of a function", revoked(() => {})],
  ["a function whose name throws", throwing(() => {}, "name")],
  ["a function named by a symbol", withProperty(() => {}, "name", Symbol("name"))],
  ["a symbol with marks", Symbol(marked)],
  ["a symbol without a description", Symbol()],
  ["a large bigint", 1n << 1_000_000n],
  ["half of a surrogate pair", "\ud83d"],
  ["a text with marks", marked],
  ["a long text", "x".repeat(5_000_000)],
  ["a long text of surrogate pairs", "🙂".repeat(1_000_000)],
  ["undefined", undefined],
  ["null", null],
  ["minus zero", -0]
]
