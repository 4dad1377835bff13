import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { Parallel, Task } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { range } from "../../helpers.ts"
import { errorOf, kinds, reasonOf } from "../workerKinds.ts"
import * as tasks from "../workerTasks.ts"

type Seen = Readonly<Record<string, { readonly shared: boolean; readonly first: number; readonly length: number }>>

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

for (const kind of kinds) {
  layer(kind.layer(), { excludeTestServices: true })(`values to ${kind.name}`, (it) => {
    it.effect("of any kind arrive", () =>
      Effect.gen(function*() {
        const odd = [
          undefined,
          null,
          "cancelled",
          "",
          0,
          -0,
          NaN,
          [],
          [undefined],
          new Date(3),
          new Map([[1, new Set([2])]]),
          2n
        ]
        const values = yield* Parallel.forEach(odd, (value) => tasks.act({ do: "value", value }))
        const error = yield* tasks.act({ do: "value", value: new RangeError("a value") })

        assert.deepStrictEqual(values, odd)
        assert.instanceOf(error, RangeError)
      }))

    it.effect("that are many numbers of any kind cross unchanged", () =>
      Effect.gen(function*() {
        const numbers = [0.5, -0, NaN, Infinity, -Infinity, 5e-324, 2 ** 53, ...range(40).map((n) => n / 3)]
        const mixed = [...numbers, "text", undefined, 3n]
        const values = yield* Effect.forEach([numbers, mixed], (inputs) =>
          Parallel.forEach(inputs, tasks.same, { batchSize: 60 }))

        assert.deepStrictEqual(values, [numbers, mixed])
        assert.isTrue(Object.is(values[0]![1], -0))
      }))

    it.effect("that are large arrays are copied, and those that a task keeps stay its own", () =>
      Effect.gen(function*() {
        const arrays = yield* Parallel.forEach(range(6), tasks.keeps)

        assert.deepStrictEqual(arrays.map(({ length }) => length), range(6).map(() => 2 ** 18))
        assert.isTrue(arrays.every((array) => array instanceof Float64Array && array.every((n) => n === 1)))
        assert.isTrue(arrays.every(({ buffer }) => buffer instanceof ArrayBuffer))
      }))

    it.effect("of Task.moved are moved to threads and copied to processes, at any nesting", () =>
      Effect.gen(function*() {
        const inputs = range(4).map((n) => ({ rows: [Float64Array.of(n), Float64Array.of(n, n + 0.5)] }))
        const values = yield* Parallel.forEach(inputs, tasks.movesNested)
        const lengths = inputs.map(({ rows }) => rows.map(({ length }) => length))

        assert.deepStrictEqual(
          values.map(({ rows }) => rows),
          range(4).map((n) => [Float64Array.of(n + 1), Float64Array.of(n + 1, n + 1.5)])
        )
        assert.deepStrictEqual(lengths, range(4).map(() => kind.name === "threads" ? [0, 0] : [1, 2]))
      }))

    it.effect("of Task.moved that were moved are not sent again", () =>
      Effect.gen(function*() {
        const [, failures] = yield* Parallel.partition([Float64Array.of(1)], tasks.movesInVain, { retry: { times: 1 } })
        const end = kind.name === "threads" ? reasonOf(failures[0])._tag : errorOf(failures[0])

        assert.strictEqual(failures[0]!.attempts, 2)
        assert.strictEqual(end, kind.name === "threads" ? "NotCloneable" : "no")
      }))

    it.effect("of Task.cloned cross unchanged, beside others that are encoded", () =>
      Effect.gen(function*() {
        const samples = Float64Array.of(1.5, NaN, Infinity)
        const at = new Date(5)
        const result = yield* tasks.scales({ samples, by: 2, at })

        assert.deepStrictEqual(result, { scaled: Float64Array.of(3, NaN, Infinity), at })
      }))

    it.effect("whose buffers are moved are moved both ways, once each", () =>
      Effect.gen(function*() {
        const inputs = range(6).map((n) => ({ bytes: Uint8Array.of(n, n) }))
        const values = yield* Parallel.forEach(inputs, tasks.moves, { batchSize: 6, concurrency: 1 })

        assert.deepStrictEqual(values, range(6).map((n) => ({ bytes: Uint8Array.of(n + 1, n + 1) })))
        if (kind.name === "threads") {
          assert.deepStrictEqual(
            inputs.map(({ bytes }) => bytes.length),
            range(6).map(() => 0)
          )
        }
      }))

    it.effect("whose buffers are moved are not lost when another input crashes", () =>
      Effect.gen(function*() {
        const inputs = [1, 255, 3, 4].map((n) => ({ bytes: Uint8Array.of(n) }))
        const [values, failures] = yield* Parallel.partition(inputs, tasks.moves, { batchSize: 4, concurrency: 1 })

        assert.deepStrictEqual(values.map(({ bytes }) => bytes[0]), [2, 4, 5])
        assert.strictEqual(reasonOf(failures[0])._tag, "WorkerCrashed")
      }))

    it.effect("whose buffers were moved before fail only their input", () =>
      Effect.gen(function*() {
        if (kind.name === "processes") return
        const gone = { bytes: Uint8Array.of(1) }
        structuredClone(gone.bytes, { transfer: [gone.bytes.buffer] })
        const inputs = [{ bytes: Uint8Array.of(1) }, gone, { bytes: Uint8Array.of(3) }]
        const [values, failures] = yield* Parallel.partition(inputs, tasks.moves, { batchSize: 3, concurrency: 1 })

        assert.strictEqual(values.length, 2)
        assert.match(String(errorOf(failures[0])), /input #1,/)
      }))

    it.effect("that are moved by concurrent batches are not mixed up", () =>
      Effect.gen(function*() {
        const inputs = [30, 1, 20, 2, 10, 3]
        const values = yield* Parallel.forEach(inputs, tasks.movesLate, { concurrency: 6, batchSize: 1 })

        assert.deepStrictEqual(values.map(({ bytes }) => Array.from(bytes)), inputs.map((n) => [n]))
      }))

    it.effect("of many megabytes come back complete", () =>
      Effect.gen(function*() {
        const values = yield* Parallel.forEach([30_000_000, 5, 20_000_000], tasks.bytes)

        assert.deepStrictEqual(values.map((bytes) => [bytes.length, bytes[0], bytes.at(-1)]), [
          [30_000_000, 7, 7],
          [5, 7, 7],
          [20_000_000, 7, 7]
        ])
      }))

    it.effect("that change between two runs arrive changed", () =>
      Effect.gen(function*() {
        const large = new Float64Array(300_000)
        const first = yield* Parallel.forEach([0, 1], () => tasks.sees({ large }))
        large[0] = 7
        const second = (yield* Parallel.forEach([{ large }, { large }], tasks.sees)) as ReadonlyArray<Seen>

        assert.deepStrictEqual((first as ReadonlyArray<Seen>).map(({ large }) => large!.first), [0, 0])
        assert.deepStrictEqual(second.map(({ large }) => large!.first), [7, 7])
      }))

    it.effect("that are small views of a large buffer are sent without it", () =>
      Effect.gen(function*() {
        const view = new Float64Array(new ArrayBuffer(8_000_000), 800, 10).fill(3)
        const seen = (yield* tasks.sees({ view })) as Readonly<Record<string, Readonly<Record<string, unknown>>>>

        assert.deepInclude(seen["view"], { type: "Float64Array", shared: false, first: 3, length: 10 })
        assert.isBelow(seen["view"]!["underneath"] as number, 1000)
      }))
  })
}

describe("values to threads", () => {
  it.live("become shared memory from maxBytes on, once for each run", () =>
    Effect.gen(function*() {
      const large = new Float64Array(2000).fill(2)
      const part = large.subarray(1000, 2000)
      const small = new Float64Array(10).fill(5)
      const inputs = range(8).map(() => ({ large, part, small }))
      const seen = yield* Parallel.forEach(inputs, tasks.sees)

      assert.deepStrictEqual(seen[0], {
        large: { type: "Float64Array", shared: true, first: 2, length: 2000, underneath: 16_000 },
        part: { type: "Float64Array", shared: true, first: 2, length: 1000, underneath: 16_000 },
        small: { type: "Float64Array", shared: false, first: 5, length: 10, underneath: 80 }
      })
      assert.deepStrictEqual(new Set(seen.map((one) => JSON.stringify(one))).size, 1)
      assert.strictEqual(large.length, 2000)
    }).pipe(Effect.provide(Threads.layer({ workers: 2, maxBytes: 8000 }))))

  it.live("release their shared memory when their run is over", () =>
    Effect.gen(function*() {
      const megabytes = () => process.memoryUsage.rss() / 1e6
      const large = new Float64Array(12_500_000).fill(2)
      const run = Parallel.forEach(range(2).map(() => ({ large })), tasks.sees)
      yield* Effect.repeat(run, { times: 2 })
      const before = megabytes()
      yield* Effect.repeat(run, { times: 11 })

      assert.isBelow(megabytes() - before, 600)
    }).pipe(Effect.provide(Threads.layer({ workers: 2 }))))

  it.live("use no memory after their input is done, while the run continues", () =>
    Effect.gen(function*() {
      const megabytes = () => {
        collect()
        return process.memoryUsage().external / 1e6
      }
      const inputs = function*() {
        for (let n = 0; n < 60; n++) yield { large: new Float64Array(1_000_000) }
      }
      const before = megabytes()
      let [done, after] = [0, Infinity]
      yield* Stream.runForEach(Parallel.stream(inputs(), tasks.sees, { batchSize: 1 }), () =>
        Effect.sync(() => {
          if (++done === 55) after = megabytes()
        }))

      assert.isBelow(after - before, 240)
    }).pipe(Effect.provide(Threads.layer({ workers: 2 }))))

  it.live("that are already shared memory stay the same memory", () =>
    Effect.gen(function*() {
      const memory = new SharedArrayBuffer(64)
      yield* Parallel.forEach(range(16).map((at) => ({ at, memory })), tasks.stores)

      assert.deepStrictEqual([...new Int32Array(memory)], range(16).map((n) => n + 1))
    }).pipe(Effect.provide(Threads.layer({ workers: 2 }))))
})

describe("Task.moved", () => {
  it.live("skips the holes of an array, and handles a getter that throws", () =>
    Effect.gen(function*() {
      const sparse: Array<unknown> = []
      sparse.length = 4e9
      sparse[7] = Float64Array.of(1)
      const throwing = {
        get bytes(): never {
          throw new Error("no bytes")
        }
      }
      const [values, failures] = yield* Parallel.partition([sparse, throwing, [Float64Array.of(2)]], tasks.movesAny)

      assert.deepStrictEqual(values.at(-1), "got [object Array]")
      assert.deepStrictEqual(failures.filter(({ index }) => index === 2), [])
      assert.strictEqual(values.length + failures.length, 3)
    }).pipe(Effect.provide(Threads.layer({ workers: 1 }))))

  it("checks a value like Task.cloned", () => {
    const schema = Task.moved(Schema.instanceOf(Float64Array))
    const codec = Schema.toCodecJson(schema) as Schema.Codec<Float64Array, unknown>

    assert.throws(() => Schema.decodeUnknownSync(codec)([1]))
    assert.deepStrictEqual(Schema.decodeSync(codec)(Float64Array.of(1) as never), Float64Array.of(1))
  })
})

describe("Task.cloned", () => {
  it("passes values unchanged, both ways, and still checks them", () => {
    const schema = Task.cloned(Schema.instanceOf(Float64Array))
    const codec = Schema.toCodecJson(schema) as Schema.Codec<Float64Array, unknown>
    const samples = Float64Array.of(1)

    assert.strictEqual<unknown>(Schema.encodeSync(codec)(samples), samples)
    assert.strictEqual(Schema.decodeSync(codec)(samples as never), samples)
    assert.throws(() => Schema.decodeUnknownSync(codec)([1]))
    assert.throws(() => Schema.encodeSync(codec)([1] as never))
  })
})
