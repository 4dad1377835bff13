/**
 * Messages between a program and machines, as texts.
 *
 * | message | from | to | content |
 * | --- | --- | --- | --- |
 * | `Offer` | program | the queue of the transport | a batch, for any machine |
 * | `ControlMessage` | program | all machines | the program is alive; batches to stop, recall and forget; replies that have arrived |
 * | `Beat` | machine | all programs | the machine is alive; the batches that it has |
 * | other replies | machine | the program of a batch | the progress and the exits of the batch |
 *
 * The replies about a batch are numbered from 1, and each is read once, in that order. A machine keeps each reply and
 * sends it again until the program has acknowledged it, and lists a batch in its beats until the program tells it to
 * forget the batch. So a message may be lost, arrive twice, or arrive late. A machine that restarts has another
 * `session`.
 *
 * The form of each message is checked, because another program may write to the same queue. The values inside belong to
 * tasks and are read by their schemas.
 */
import type { CurrentAttempt } from "../task/attempt.ts"
import type { Attempts } from "../worker/wire/attempts.ts"
import type { Ambient, Exits, Fault, Log } from "../worker/wire/messages.ts"
import { areTagged, type Fields, isExitsLike, isIndex, isTagged } from "../worker/wire/replies.ts"

/** A batch in the form in which it is sent. Times are in milliseconds. */
export interface Offer {
  readonly id: string
  readonly program: string
  /** Time after which the machine drops the batch if it receives nothing from the program. */
  readonly lease: number
  readonly run: { readonly id: string; readonly name: string }
  readonly task: string
  /** Fingerprints of the schemas of payload, value and error. */
  readonly forms: readonly [payload: string, success: string, error: string]
  /** Indices of the inputs in their run: only the first if the others follow it, `null` for a direct call of a task. */
  readonly indices: number | ReadonlyArray<number> | null
  /** Number of each attempt, if not all are first attempts. */
  readonly numbers?: ReadonlyArray<number> | undefined
  /** Key of each input, if the run has a journal. */
  readonly keys?: ReadonlyArray<string> | undefined
  /** The attempt that a direct call of a task is part of, if any. */
  readonly around?: CurrentAttempt | undefined
  readonly timeout?: number | undefined
  readonly budget?: number | undefined
  readonly concurrency: number
  /** True if the machine should run nothing else at the same time. */
  readonly alone: boolean
  readonly ambient: Ambient
  /** Positions of the payloads that are `undefined`, which has no JSON form. */
  readonly absent: ReadonlyArray<number>
  readonly payloads: ReadonlyArray<unknown>
}

export interface ControlMessage {
  readonly program: string
  readonly lease: number
  /** Time of the program's clock. Beats return it in `echoes`. */
  readonly at: number
  readonly stop: ReadonlyArray<string>
  readonly recall: ReadonlyArray<string>
  /** Batches to forget, with the machine that has them. */
  readonly forget: ReadonlyArray<readonly [machine: string, id: string]>
  /** Number of the last reply that has arrived, by batch. */
  readonly received: Readonly<Record<string, number>>
}

export interface Beat {
  readonly _tag: "Beat"
  readonly session: string
  /** Number of this beat in its session. */
  readonly beat: number
  readonly slots: number
  readonly holds: ReadonlyArray<string>
  /** True if the machine waits for a batch. */
  readonly free: boolean
  /** True in the last beat of the machine. */
  readonly leaves: boolean
  /** Time of the machine's clock. */
  readonly at: number
  /** For each program, the `at` of its last control message, and the milliseconds since it arrived. */
  readonly echoes: Readonly<Record<string, readonly [at: number, held: number]>>
}

/** The fields that all replies about a batch have. */
interface About {
  readonly id: string
  readonly session: string
  /** Number of this reply among the replies about its batch, from 1. */
  readonly n: number
  /** Number of beats that the machine had sent before. */
  readonly beat: number
}

/** Exits of consecutive payloads. `times` has the start and the end of each, in milliseconds of the machine's clock. */
export interface ExitsReply extends About, Pick<Exits, "from" | "values" | "places" | "failures" | "outOfBand"> {
  readonly _tag: "Exits"
  readonly workers: ReadonlyArray<number>
  /** Positions of the values that are `undefined`. */
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
    /** True if the input may be the cause. */
    readonly suspect: boolean
  }
  | About & { readonly _tag: "GivenBack"; readonly from: number }
  | About & { readonly _tag: "Refused"; readonly fault: Fault }
  | About & { readonly _tag: "Over" }
  | About & Omit<Log, "id">

/** A reply before it is numbered. */
export type Unnumbered = Reply extends infer R ? R extends About ? Omit<R, keyof About> : never : never

/**
 * Makes the text of an offer from parts that are already texts. `undefined` stands for a payload that is `undefined`.
 */
export const writeOffer = (
  head: string,
  attempts: Attempts | undefined,
  payloads: ReadonlyArray<string | undefined>
): string => {
  const absent = payloads.flatMap((text, position) => text === undefined ? [position] : [])
  const rest = JSON.stringify({ indices: null, ...attempts, run: undefined, absent })
  return `${head.slice(0, -1)},${rest.slice(1, -1)},"payloads":${listOf(payloads)}}`
}

/** Makes the text of a list from the texts of its elements. `undefined`, which has no JSON form, becomes `null`. */
export const listOf = (texts: ReadonlyArray<string | undefined>): string =>
  `[${texts.map((text) => text ?? "null").join()}]`

/** Reads an offer. Returns `undefined` if the text is not an offer. */
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

/** Reads a control message. Returns `undefined` if the text is not a control message. */
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

/** Reads a beat or a reply. Returns `undefined` if the text is neither. */
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
