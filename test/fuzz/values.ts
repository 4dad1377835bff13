/**
 * Hostile values by name. A printed program contains only the names, and a worker makes its own values.
 * The engine must not read any of them, so each comes back unchanged.
 */
const thrower = (key: PropertyKey): object =>
  Object.defineProperty({}, key, {
    enumerable: true,
    get: () => {
      throw new Error(`do not read ${String(key)}`)
    }
  })

const deep = (levels: number): object => {
  let value: object = {}
  for (let level = 0; level < levels; level++) value = { value }
  return value
}

const circular = (): object => {
  const value: { self?: object; list: Array<unknown> } = { list: [] }
  value.self = value
  value.list.push(value, value.list)
  return value
}

const sparse = (): ReadonlyArray<unknown> => {
  const values: Array<unknown> = []
  values[4_000_000] = 1
  return values
}

class Hidden {
  readonly #secret = 1
  get open(): number {
    return this.#secret
  }
}

/** Values that every text can show and every message can carry, or that are refused in a known way. */
const mild = {
  nothing: () => undefined,
  null: () => null,
  "not a number": () => NaN,
  "minus zero": () => -0,
  text: () => "line\nline\u2028\u0000\u001b[31m",
  "half a character": () => "\ud800",
  "long text": () => "x".repeat(100_000),
  bigint: () => 2n ** 200n,
  list: () => [1, [2, [3]]],
  map: () => new Map<unknown, unknown>([[{ a: 1 }, new Set([1])]]),
  date: () => new Date(NaN),
  error: () => new Error("error", { cause: new TypeError("cause") }),
  bytes: () => new Uint8Array(8),
  circular,
  deep: () => deep(50)
} as const

/** Values that throw when they are read, or that cannot be cloned. */
const harsh = {
  symbol: () => Symbol("symbol"),
  function: () => () => 1,
  "a getter that throws": () => thrower("value"),
  "a message that throws": () => thrower("message"),
  "a tag that throws": () => thrower(Symbol.toStringTag),
  "a tag of the error that throws": () => thrower("_tag"),
  "a text that throws": () => thrower("toString"),
  "a thenable": () => ({ [["th", "en"].join("")]: () => {} }),
  "an error without a stack": () => Object.assign(new Error("error"), { stack: undefined, name: 5, message: {} }),
  "an error as its own cause": () => {
    const error = new Error("error")
    error.cause = error
    return error
  },
  "no prototype": () => Object.create(null) as object,
  "a proxy that refuses": () =>
    new Proxy({}, {
      get: () => {
        throw new Error("do not get")
      },
      has: () => {
        throw new Error("do not ask")
      },
      ownKeys: () => {
        throw new Error("do not list")
      },
      getPrototypeOf: () => {
        throw new Error("do not climb")
      }
    }),
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  "a secret": () => new Hidden(),
  "deep beyond the stack": () => deep(100_000),
  "an exit by its looks": () => ({ "~effect/Exit": "~effect/Exit", _tag: "Failure" }),
  "a duration by its looks": () => ({ "~effect/time/Duration": "~effect/time/Duration" }),
  sparse
} as const

export type ValueName = keyof typeof mild | keyof typeof harsh

export const mildNames = Object.keys(mild) as ReadonlyArray<ValueName>
export const allNames = [...mildNames, ...Object.keys(harsh) as ReadonlyArray<ValueName>]

const known = new Map<ValueName, unknown>()

/** Returns the value of a name, the same object at each call. */
export const valueOf = (name: ValueName): unknown => {
  if (!known.has(name)) known.set(name, { ...mild, ...harsh }[name]())
  return known.get(name)
}
