/**
 * Messages between a program and machines, as texts.
 *
 * | message | from | way | says |
 * | --- | --- | --- | --- |
 * | `Offer` | program | the queue of the transport | a batch, for whichever machine takes it |
 * | `ControlMessage` | program | to all machines | that the program is there; which batches to stop, recall and forget; which replies have come |
 * | `Beat` | machine | to all programs | that the machine is there, and which batches it has |
 * | the other replies | machine | to the program of a batch | what becomes of it |
 *
 * The replies about a batch are numbered from 1, and are read in that order, each once. A machine keeps each until the
 * program has acknowledged it, and sends it again; it keeps a batch in its beats until the program tells it to forget it.
 * So a message may be lost, come twice, or come late. A machine that starts anew has another `session`.
 *
 * What comes is checked for its form, since another program may write to the same queue; the values inside are those of
 * tasks, and read by their schemas.
 */
import type { CurrentAttempt } from "../task/attempt.ts"
import type { Attempts } from "../worker/wire/attempts.ts"
import type { Ambient, Exits, Fault, Log } from "../worker/wire/messages.ts"
import { areTagged, type Fields, isExitsLike, isIndex, isTagged } from "../worker/wire/replies.ts"

/** A batch as it is sent. Times are milliseconds. */
export interface Offer {
  readonly id: string
  readonly program: string
  /** Time after which the machine drops the batch if it does not hear of the program. */
  readonly lease: number
  readonly run: { readonly id: string; readonly name: string }
  readonly task: string
  /** Fingerprints of the schemas of payload, value and error. */
  readonly forms: readonly [payload: string, success: string, error: string]
  /** Indices of the inputs in their run: of the first, if the others follow it; none for a call by itself. */
  readonly indices: number | ReadonlyArray<number> | null
  /** Which attempt each input is, if not all are first ones; and their keys, if the run has a journal. */
  readonly numbers?: ReadonlyArray<number> | undefined
  readonly keys?: ReadonlyArray<string> | undefined
  /** The attempt around a call by itself. */
  readonly around?: CurrentAttempt | undefined
  readonly timeout?: number | undefined
  readonly budget?: number | undefined
  readonly concurrency: number
  /** True if the machine may do nothing else meanwhile. */
  readonly alone: boolean
  readonly ambient: Ambient
  /** Positions of the payloads that are undefined, which has no JSON. */
  readonly absent: ReadonlyArray<number>
  readonly payloads: ReadonlyArray<unknown>
}

export interface ControlMessage {
  readonly program: string
  readonly lease: number
  /** Time of the program's clock, for the answer in a beat. */
  readonly at: number
  readonly stop: ReadonlyArray<string>
  readonly recall: ReadonlyArray<string>
  /** Batches of which a machine need not tell any more, by machine. */
  readonly forget: ReadonlyArray<readonly [machine: string, id: string]>
  /** Number of the last reply that has come, for each batch. */
  readonly received: Readonly<Record<string, number>>
}

export interface Beat {
  readonly _tag: "Beat"
  readonly session: string
  /** Number of this beat in its session. */
  readonly beat: number
  readonly slots: number
  readonly holds: ReadonlyArray<string>
  /** True if it waits for a batch. */
  readonly free: boolean
  /** True in the last one. */
  readonly leaves: boolean
  /** Time of the machine's clock. */
  readonly at: number
  /** For each program, the `at` of its last control message, and for how long the machine has had it. */
  readonly echoes: Readonly<Record<string, readonly [at: number, held: number]>>
}

/** What all replies about a batch have. */
interface About {
  readonly id: string
  readonly session: string
  /** Number of this reply among those about its batch, from 1. */
  readonly n: number
  /** Number of beats that the machine had sent. */
  readonly beat: number
}

/** Exits of consecutive payloads. `times` are start and end of each, in milliseconds of the machine's clock. */
export interface ExitsReply extends About, Pick<Exits, "from" | "values" | "places" | "failures" | "outOfBand"> {
  readonly _tag: "Exits"
  readonly workers: ReadonlyArray<number>
  /** Positions of the values that are undefined. */
  readonly absent: ReadonlyArray<number>
  readonly times: ReadonlyArray<number>
  readonly receivedAt: number
  readonly delivery: { readonly queue: number; readonly startup: number; readonly transfer: number }
}

export type Reply =
  | ExitsReply
  | About & { readonly _tag: "Began"; readonly payload: number; readonly worker: number; readonly at: number }
  | About & {
    readonly _tag: "Lost"
    readonly payload: number
    readonly worker: number
    readonly at: number
    /** True if it may be the reason. */
    readonly suspect: boolean
  }
  | About & { readonly _tag: "GivenBack"; readonly from: number }
  | About & { readonly _tag: "Refused"; readonly fault: Fault }
  | About & { readonly _tag: "Over" }
  | About & Omit<Log, "id">

/** A reply before it is numbered. */
export type Unnumbered = Reply extends infer R ? R extends About ? Omit<R, keyof About> : never : never

/** Makes the text of an offer of parts that are texts already; a payload without one is undefined. */
export const writeOffer = (
  head: string,
  attempts: Attempts | undefined,
  payloads: ReadonlyArray<string | undefined>
): string => {
  const absent = payloads.flatMap((text, position) => text === undefined ? [position] : [])
  const rest = JSON.stringify({ indices: null, ...attempts, run: undefined, absent })
  return `${head.slice(0, -1)},${rest.slice(1, -1)},"payloads":${listOf(payloads)}}`
}

/** Makes the text of a list of texts; one that is undefined, which has no JSON, becomes null. */
export const listOf = (texts: ReadonlyArray<string | undefined>): string =>
  `[${texts.map((text) => text ?? "null").join()}]`

/** Reads an offer; undefined if the text is none. */
export const readOffer = (text: string): Offer | undefined => {
  const offer = parse(text)
  if (offer === undefined) return undefined
  const {
    absent,
    ambient,
    around,
    concurrency,
    forms,
    id,
    indices,
    keys,
    lease,
    numbers,
    payloads,
    program,
    run,
    task
  } = offer as {
    readonly [K in keyof Offer]: unknown
  }
  const isWhole = isText(id) && isText(program) && isNumber(lease) && isText(task) && isObject(run) &&
    isText(run["id"]) && isText(run["name"]) && areTexts(forms) && forms.length === 3 && isNumber(concurrency) &&
    (indices === null || isNumber(indices) || areNumbers(indices)) && isObject(ambient) &&
    isObject(ambient["annotations"]) && isObject(ambient["defaults"]) && isText(ambient["logLevel"]) &&
    isSpan(ambient["span"]) && (around === undefined || isAttempt(around)) &&
    Array.isArray(payloads) && payloads.length > 0 && areNumbers(absent) &&
    (numbers === undefined || areNumbers(numbers) && numbers.length === payloads.length) &&
    (keys === undefined || areTexts(keys) && keys.length === payloads.length)
  if (!isWhole) return undefined
  const values = payloads as Array<unknown>
  for (const position of absent) values[position] = undefined
  return offer as unknown as Offer
}

const isAttempt = (around: unknown): boolean =>
  isObject(around) && isText(around["run"]) && isNumber(around["index"]) && isNumber(around["attempt"]) &&
  (around["key"] === undefined || isText(around["key"]))

const isSpan = (span: unknown): boolean =>
  span === undefined || (isObject(span) && isText(span["traceId"]) && isText(span["spanId"]))

/** Reads a control message; undefined if the text is none. */
export const readControl = (text: string): ControlMessage | undefined => {
  const control = parse(text)
  if (control === undefined) return undefined
  const { at, forget, lease, program, recall, received, stop } = control as {
    readonly [K in keyof ControlMessage]: unknown
  }
  return isText(program) && isNumber(lease) && isNumber(at) && areTexts(stop) && areTexts(recall) &&
      Array.isArray(forget) && forget.every(areTexts) && isObject(received)
    ? control as unknown as ControlMessage
    : undefined
}

/** Reads a beat or a reply; undefined if the text is neither. */
export const readReply = (text: string): Beat | Reply | undefined => {
  const message = parse(text)
  if (message === undefined || !isText(message["session"]) || !isNumber(message["beat"])) return undefined
  if (message["_tag"] === "Beat") return isBeat(message) ? message as unknown as Beat : undefined
  if (!isText(message["id"]) || !isIndex(message["n"])) return undefined
  return isReply(message) ? message as unknown as Reply : undefined
}

/** Greatest number of slots that a machine may have. */
const mostSlots = 65_536

const isBeat = ({ at, echoes, holds, slots }: Fields): boolean =>
  isIndex(slots) && slots > 0 && slots <= mostSlots && areTexts(holds) && isNumber(at) && isObject(echoes) &&
  Object.values(echoes).every((echo) => areNumbers(echo) && echo.length === 2)

const isReply = (message: Fields): boolean => {
  const { at, delivery, fault, from, payload, receivedAt, times, values, worker, workers } = message
  switch (message["_tag"]) {
    case "Exits":
      if (!isExitsLike(message) || !areNumbers(message["absent"]) || !areNumbers(times)) return false
      return Array.isArray(workers) && workers.every((worker) => isIndex(worker)) && isNumber(receivedAt) &&
        isObject(delivery) &&
        times.length === 2 * (values as ReadonlyArray<unknown>).length &&
        workers.length === (values as ReadonlyArray<unknown>).length
    case "Began":
    case "Lost":
      return isIndex(payload) && isIndex(worker) && isNumber(at)
    case "GivenBack":
      return isIndex(from)
    case "Refused":
      return isTagged(fault)
    case "Log":
      return typeof message["level"] === "string" && isNumber(message["position"]) && areTagged(message["message"]) &&
        areTagged(message["cause"]) && isObject(message["annotations"])
    case "Over":
      return true
    default:
      return false
  }
}

const parse = (text: string): Fields | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): value is string => typeof value === "string"

const isNumber = (value: unknown): value is number => Number.isFinite(value)

const areTexts = (values: unknown): values is ReadonlyArray<string> => Array.isArray(values) && values.every(isText)

const areNumbers = (values: unknown): values is ReadonlyArray<number> => Array.isArray(values) && values.every(isNumber)
