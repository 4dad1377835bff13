/**
 * The journal of a flow. It records the exit of each node, so that a flow that is run again continues after the last.
 *
 * A record is identified by the flow, its input, the path to the node, and the number of the step in each flow on that
 * path, because a node in a loop runs many times.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { decoded, encoded } from "../journal/record/causes.ts"
import { patience, provided, type StoredRecord, type StoredRun } from "../journal/record/contract.ts"
import { digest } from "../journal/record/digest.ts"
import { Damaged, JournalError, type JournalReason, NotEncodable } from "../journal/record/errors.ts"
import { mayHideSecret, secretIssue, Unkept, write } from "../journal/record/json.ts"
import { nonEmptyString, optionalFunction, trueOrObject } from "../primitives/check.ts"
import { inTime } from "../primitives/effects.ts"
import { shortenName } from "../primitives/shorten.ts"
import * as Codec from "../task/codec.ts"
import { type Any, isOut, type Out, out, schemaOf } from "./node.ts"
import { fromPlain, plainOut } from "./outCodec.ts"
import * as Path from "./path.ts"

/**
 * How a flow is recorded. `true` stands for an object without options.
 *
 * @category models
 * @since 0.1.0
 */
export interface FlowJournal<in I> {
  /** Identifies an input of the flow. Default: a digest of the input as JSON. */
  readonly key?: ((input: I) => string) | undefined
  /** Names what the flow does. Records of another version are kept and not recalled. Default: none. */
  readonly version?: string | undefined
  /** A method of every value, so that the type also accepts `true`. */
  valueOf(): unknown
}

/** The checked options of a flow's journal. */
export interface FlowJournalOptions {
  readonly key: ((input: never) => string) | undefined
  readonly version: string
}

/** Checks the option `journal` of a flow. */
export const checkFlowJournal = (journal: unknown): FlowJournalOptions => {
  const { key, version }: Partial<FlowJournalOptions> = trueOrObject("journal", journal, ["key", "version"])
  optionalFunction("journal.key", key)
  return { key, version: version === undefined ? "" : nonEmptyString("journal.version", version) }
}

/** The record of a node. */
interface NodeRecord {
  /** The action of its exit. */
  readonly a: string
  /** The value of its exit, if there is one. */
  readonly v?: unknown
  /** The fingerprint of the schema of the value. */
  readonly s: string
}

/** Starts or continues the journal of a flow with an input. */
export const open = (
  name: string,
  input: unknown,
  { key, version }: FlowJournalOptions
): Effect.Effect<FlowRecorder, JournalError, Scope.Scope> =>
  Effect.flatMap(provided(`flow ${shortenName(name)}`), ({ store }) => {
    const failed = (reason: JournalReason) =>
      new JournalError({ store: store.name, run: name, reason, report: undefined })
    let base: string
    try {
      base = key === undefined ? input === undefined ? "" : write(input, true) : keyOf(key, input)
    } catch (error) {
      if (!(error instanceof Unkept)) throw error
      const { message: issue, path } = error
      return Effect.fail(failed(new NotEncodable({ value: "input", index: undefined, path, issue, node: name })))
    }
    return Effect.map(
      // the prefix keeps a flow apart from a run with the same name
      store.open({ name: `flow ${name}`, version, schemas: "flow" }),
      (run) => new FlowRecorder(name, digest(JSON.stringify([name, version, base])), run, failed)
    )
  })

const keyOf = (key: (input: never) => string, input: unknown): string => {
  const given: unknown = key(input as never)
  if (typeof given === "string") return given
  throw new TypeError(`expected journal.key to return a string, got ${typeof given}`)
}

export class FlowRecorder implements Path.PathRecorder {
  /** Number of nodes whose exits were recalled. */
  private recalled = 0
  /** Number of nodes that have run. */
  private ran = 0
  private readonly name: string
  private readonly base: string
  private readonly run: StoredRun
  private readonly failed: (reason: JournalReason) => JournalError
  private readonly one = Semaphore.makeUnsafe(1)

  constructor(name: string, base: string, run: StoredRun, failed: (reason: JournalReason) => JournalError) {
    this.name = name
    this.base = base
    this.run = run
    this.failed = failed
  }

  /** Returns the counts of the flow, for the log at its end. */
  get summary(): string {
    return `${this.name}: ${this.recalled} recalled, ${this.ran} run`
  }

  around<E, R>(
    node: Any,
    path: Path.Path,
    run: Effect.Effect<Out<string, unknown>, E, R>
  ): Effect.Effect<Out<string, unknown>, E, R> {
    const key = this.keyOf(path)
    const recorded = Effect.flatMap(
      this.lookup(key),
      (text) => text === undefined ? this.running(node, path, key, run) : this.recall(node, path, text)
    )
    return recorded as Effect.Effect<Out<string, unknown>, E, R>
  }

  keyOf(path: Path.Path): string {
    return digest(`${this.base}${Path.stepsOf(path)}`)
  }

  private lookup(key: string): Effect.Effect<string | undefined, JournalError> {
    return this.run.mayHold?.(key) === false
      ? Effect.succeed(undefined)
      : Effect.map(this.run.get([key]), ([text]) => text)
  }

  /** Runs a node, and goes on when its exit is durable. */
  private running<E, R>(
    node: Any,
    path: Path.Path,
    key: string,
    run: Effect.Effect<Out<string, unknown>, E, R>
  ): Effect.Effect<Out<string, unknown>, E | JournalError, R> {
    return Effect.tap(run, (exit) => {
      if (!isOut(exit)) return Effect.void
      const { action, value } = exit
      const schema = schemaOf(node)
      this.ran++
      try {
        if (mayHideSecret(schema)) throw new Unkept(secretIssue)
        const text = schema !== undefined
          ? encoded(schema, value)
          : value === undefined
          ? undefined
          : write(value, false, plainOut)
        const head = `{"a":${JSON.stringify(action)},"s":${JSON.stringify(Codec.fingerprint(schema))}`
        return this.append({ key, text: text === undefined ? `${head}}` : `${head},"v":${text}}`, failed: false })
      } catch (error) {
        if (!(error instanceof Unkept)) throw error
        const { message: issue, path: at } = error
        const reason = new NotEncodable({
          value: "success",
          index: undefined,
          path: at,
          issue,
          node: Path.pathOf(path)
        })
        return Effect.fail(this.failed(reason))
      }
    })
  }

  /**
   * Writes one record at a time. An interruption of the flow does not stop the writing, but waits only a limited time
   * for it.
   */
  private append(record: StoredRecord): Effect.Effect<void, JournalError> {
    return Effect.flatMap(
      Effect.forkDetach(this.one.withPermits(1)(this.run.append([record])), { startImmediately: true }),
      (fiber) => Effect.onInterrupt(Fiber.join(fiber), () => inTime(Effect.asVoid(Fiber.await(fiber)), patience))
    )
  }

  /** Exits a node with its recorded exit. */
  private recall(node: Any, path: Path.Path, text: string): Effect.Effect<Out<string, unknown>, JournalError> {
    const schema = schemaOf(node)
    try {
      const { a, s, v } = JSON.parse(text) as NodeRecord
      if (s !== Codec.fingerprint(schema)) throw new Error("its value was recorded with another schema")
      this.recalled++
      const value = schema === undefined ? fromPlain(v) : decoded(schema, v)
      return Effect.succeed(out(a, value))
    } catch (error) {
      const issue = error instanceof Error ? error.message : "it cannot be read"
      return Effect.fail(this.failed(new Damaged({ record: `the record of node ${Path.pathOf(path)}`, issue })))
    }
  }
}
