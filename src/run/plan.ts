/**
 * Plans (inputs, work and checked options), and the settings that a run gets from a plan.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Backend from "../Backend.ts"
import { mostOfBatch } from "../limit/around.ts"
import { Chosen } from "../limit/chosen.ts"
import * as Limit from "../limit/contract.ts"
import { type CallSite, capture } from "../primitives/callSite.ts"
import * as check from "../primitives/check.ts"
import { shortenName, type ShowInput } from "../primitives/shorten.ts"
import type * as Task from "../Task.ts"
import { Sequential } from "../task/sequential.ts"
import type { Decide } from "./inputs/item.ts"
import * as Open from "./inputs/open.ts"
import type * as Source from "./inputs/source.ts"
import type { Recover } from "./lanes/afterFailure.ts"
import * as Retry from "./lanes/retry.ts"
import type { Budget, DefaultOptions, LimitOption, Options, Timeout, Work } from "./types.ts"

/** Options that have been checked. An option that was not given is absent. */
export interface CheckedOptions {
  readonly concurrency?: number
  readonly timeout?: Duration.Duration
  readonly retry?: () => Decide
  /** The option `retry`, as a text. */
  readonly retries?: string
  readonly maxErrors?: number
  readonly stragglers?: StragglerOptions
  readonly limits?: ReadonlyArray<Limit.Limit<any>>
  readonly batchSize?: number | "auto"
  readonly preDispatch?: number
  readonly spans?: number
  readonly show?: ShowInput
  readonly name?: string
  readonly journal?: JournalOptions
}

/** The option `journal`, with its defaults. */
interface JournalOptions {
  readonly key: ((input: never, index: number) => string) | undefined
  readonly version: string
  readonly retryFailed: boolean
  readonly success: Schema.Codec<any, any> | undefined
  readonly error: Schema.Codec<any, any> | undefined
}

/** The option `stragglers`, with its default. */
interface StragglerOptions {
  readonly after: Duration.Duration
  readonly limit: number
}

/**
 * Abilities that the work of a node has beyond the work of a run: it may return a plain value (`plain`), and its
 * failures may be replaced (`recover`).
 */
export interface NodeWork<in I, out A, out E, out R> {
  readonly plain?: boolean | undefined
  readonly recover?: Recover<I, A, E, R> | undefined
}

/** Inputs, work, and options that have been checked. */
export interface Plan<I, A, E, R, EI = never, RI = never> {
  readonly inputs: Source.Inputs<I, EI, RI>
  readonly work: Work<I, A, E, R>
  readonly options: CheckedOptions
  readonly node: NodeWork<I, A, E, R>
  /** Place of the call in the program. Kept for tasks, since their failures come from elsewhere. */
  readonly site: CallSite | undefined
}

/** Settings of a run. An option comes from the plan, else from the defaults around the run, else from this library. */
export interface Settings {
  readonly name: string
  /** Greatest number of inputs in flight. May be infinite. */
  readonly concurrency: number
  /**
   * Greatest number of inputs that are pulled and not done. May be infinite. For inputs that go in batches it may grow,
   * up to `widest`.
   */
  readonly window: number
  readonly widest: number
  /** True if there are as many lanes as the backend has workers, even when that number changes. */
  readonly follows: boolean
  /** True if inputs go to the backend in batches. */
  readonly batches: boolean
  readonly batchSize: number | "auto"
  readonly timeout: Duration.Duration | undefined
  readonly retry: (() => Decide) | undefined
  readonly retries: string | undefined
  readonly preDispatch: number | undefined
  /**
   * True if the retry comes from the defaults around the run. Then it belongs to the innermost run or node that takes
   * it.
   */
  readonly retriesByDefault: boolean
  readonly maxErrors: number
  readonly stragglers: StragglerOptions | undefined
  /** Limits in the order in which an attempt passes them. */
  readonly limits: ReadonlyArray<Limit.Limit<any>>
  /** Share of inputs whose attempts have spans, from 0 to 1. */
  readonly spans: number
  /** Function that shows an input as a text. If undefined, inputs are shown shortened. */
  readonly show: ShowInput | undefined
  readonly journal: JournalOptions | undefined
}

/** Options for the runs inside, where these give none themselves. */
export const Defaults: Context.Reference<CheckedOptions> = Context.Reference<CheckedOptions>(
  "effect-parallel/Plan/Defaults",
  { defaultValue: () => ({}) }
)

/** Options around a run: `defaults` apply where the run gives none itself, `overrides` replace its own. */
interface Around {
  readonly defaults: CheckedOptions
  readonly overrides: CheckedOptions
}

/** Overrides for a run in which everything runs one at a time: one input at a time. */
const oneAtATime: CheckedOptions = { concurrency: 1 }

/** Returns the options around a run in a context. */
export const aroundOf = (context: Context.Context<never>): Around => ({
  defaults: Context.get(context, Defaults),
  overrides: Context.get(context, Sequential) ? oneAtATime : {}
})

/** Makes a plan. Inputs that cannot be pulled, work that is not a function, and invalid options are defects. */
export const make = <I, A, E, R, EI, RI>(
  inputs: Source.Inputs<I, EI, RI>,
  work: Work<I, A, E, R>,
  options: Options<E, Timeout, Budget, I, A, any> | undefined
): Plan<I, A, E, R, EI, RI> => {
  Open.check(inputs)
  if (typeof work !== "function") check.wrongType("work", "a function or a task", work)
  const task = asTask(work)
  const checked = checkOptions(options ?? {})
  if (checked.journal !== undefined) checkJournaled(checked, task)
  return { inputs, work, options: checked, node: {}, site: task === undefined ? undefined : capture() }
}

/**
 * Rejects a journal without the name by which its records would be found again, and schemas that the task already has.
 */
export const checkJournaled = ({ journal, name }: CheckedOptions, task: AnyTask | undefined): void => {
  if (task === undefined && name === undefined) {
    check.wrongType("name", "given, since a journal finds the run by its name", name)
  }
  for (const side of ["success", "error"] as const) {
    if (task !== undefined && journal![side] !== undefined) {
      check.wrongType(`journal.${side}`, "left out, since the task has its own", journal![side])
    }
  }
}

/** Rejects the option `journal` of a run in which each input has its own work. */
export const withoutJournal = <O extends object>(options: O | undefined): O | undefined => {
  if (options !== undefined && hasProperty(options, "journal") && options.journal !== undefined) {
    check.wrongType("journal", "left out, since each input has its own work", options.journal)
  }
  return options
}

/** Makes the plan of a node, whose work and options have been checked. Inputs that cannot be pulled are a defect. */
export const ofNode = <I, A, E, R, EI, RI>(
  inputs: Source.Inputs<I, EI, RI>,
  work: Work<I, A, E, R>,
  options: CheckedOptions,
  node: NodeWork<I, A, E, R>
): Plan<I, A, E, R, EI, RI> => {
  Open.check(inputs)
  return { inputs, work, options, node, site: undefined }
}

/** Checks default options and returns a function that adds them to the defaults around, which they override. */
export const defaults = (options: DefaultOptions): (around: CheckedOptions) => CheckedOptions => {
  check.knownKeys(
    "default options",
    options,
    optionKeys.filter((key) => !["timeout", "maxErrors", "name", "journal"].includes(key))
  )
  const own = checkOptions(options)
  return (around) => ({ ...around, ...own })
}

/**
 * Picks the defaults that are sent to a worker: numbers and durations. Retry policies, limits and spans stay in the
 * program.
 */
export const sendable = ({ batchSize, concurrency, preDispatch, stragglers }: CheckedOptions): DefaultOptions => ({
  ...(concurrency !== undefined && { concurrency: concurrency === Infinity ? "unbounded" : concurrency }),
  ...(batchSize !== undefined && { batchSize }),
  ...(preDispatch !== undefined && { preDispatch: preDispatch === Infinity ? "all" : preDispatch }),
  ...(stragglers !== undefined &&
    { stragglers: { after: Duration.toMillis(stragglers.after), limit: stragglers.limit } })
})

/**
 * Type identifier of tasks. It is repeated here because the module `Task` loads schemas, and a run imports only its
 * types.
 */
export const TaskTypeId = "~effect-parallel/Task" satisfies keyof AnyTask

export type AnyTask = Task.Task<any, any, any>

/** Returns the work if it is a task. A task knows how a run reaches its backend. */
export const asTask = (work: unknown): AnyTask | undefined =>
  hasProperty(work, TaskTypeId) ? work as AnyTask : undefined

/**
 * Computes the settings of a run of this plan. The backend of a task says how many workers there are. Inputs go in
 * batches if the backend takes batches and a batch can pass all the limits.
 */
export const settings = (
  plan: Plan<any, any, any, any, any, any>,
  { defaults, overrides }: Around,
  backend: Pick<Backend.Backend, "workers" | "batches" | "onResize"> | undefined
): Settings => {
  const options: CheckedOptions = { ...defaults, ...plan.options, ...overrides }
  const { batchSize = "auto", limits = [], spans = 0, stragglers } = options
  const concurrency = options.concurrency ?? backend?.workers ?? 8
  const batches = backend?.batches === true && mostOfBatch(limits) !== undefined
  const window = windowOf(options, { batches, batchSize }, concurrency)
  return {
    name: options.name ?? asTask(plan.work)?.name ?? "parallel",
    concurrency,
    window,
    widest: batches && batchSize === "auto" && options.preDispatch === undefined ? Infinity : window,
    follows: options.concurrency === undefined && backend?.onResize !== undefined,
    batches,
    batchSize,
    timeout: options.timeout,
    retry: options.retry,
    retries: options.retries,
    preDispatch: options.preDispatch,
    retriesByDefault: plan.options.retry === undefined && defaults.retry !== undefined,
    maxErrors: options.maxErrors ?? Infinity,
    stragglers,
    limits,
    spans,
    show: options.show,
    journal: options.journal
  }
}

/** Returns the backend and the options, as texts, of a run of this plan in a context. */
export const asked = (
  plan: Plan<any, any, any, any, any, any>,
  context: Context.Context<never>
): { readonly backend: string | undefined; readonly options: Readonly<Record<string, string>> } => {
  const backend = asTask(plan.work)?.[TaskTypeId].backendOf(context)
  return { backend: backend?.name, options: shown(settings(plan, aroundOf(context), backend)) }
}

/** Shows the options of a run as texts. A default that does nothing is left out. */
export const shown = (settings: Settings): Readonly<Record<string, string>> => {
  const { batchSize, batches, concurrency, follows, journal, limits, maxErrors, preDispatch } = settings
  const { retries, spans, stragglers, timeout } = settings
  const countOr = (count: number, infinite: string): string => count === Infinity ? infinite : String(count)
  return {
    concurrency: follows ? "one for each worker" : countOr(concurrency, "unbounded"),
    ...(preDispatch !== undefined && { preDispatch: countOr(preDispatch, "all") }),
    ...(batches && { batchSize: String(batchSize) }),
    ...(timeout !== undefined && { timeout: Duration.format(timeout) }),
    ...(retries !== undefined && { retry: retries }),
    ...(stragglers !== undefined &&
      { stragglers: `after ${Duration.format(stragglers.after)}, at most ${stragglers.limit}` }),
    ...(limits.length > 0 && { limit: limits.map(({ name }) => shortenName(name)).join(", ") }),
    ...(maxErrors < Infinity && { maxErrors: String(maxErrors) }),
    ...(spans > 0 && { spans: String(spans) }),
    ...(journal !== undefined &&
      { journal: journal.version === "" ? "yes" : `version ${shortenName(journal.version)}` })
  }
}

/** Computes the number of inputs that may be pulled and not done, for a number of lanes. */
export const windowOf = (
  { preDispatch }: Pick<CheckedOptions, "preDispatch">,
  { batchSize, batches }: Pick<Settings, "batches" | "batchSize">,
  concurrency: number
): number => {
  const size = batches && batchSize !== "auto" ? batchSize : 1
  return concurrency * size + (preDispatch ?? 2 * concurrency * size)
}

const optionKeys: ReadonlyArray<keyof Options> = [
  "concurrency",
  "timeout",
  "retry",
  "maxErrors",
  "stragglers",
  "limit",
  "batchSize",
  "preDispatch",
  "spans",
  "show",
  "name",
  "journal"
]

/** Checks options. An unknown or invalid one is a defect. */
export const checkOptions = (options: Options<any, Timeout, Budget, any, any, any>): CheckedOptions => {
  check.knownKeys("options", options, optionKeys)
  const {
    batchSize,
    concurrency,
    journal,
    limit,
    maxErrors,
    name,
    preDispatch,
    retry,
    show,
    spans,
    stragglers,
    timeout
  } = options
  check.optionalFunction("show", show)
  return {
    ...(concurrency !== undefined && { concurrency: check.positiveIntegerOr("concurrency", concurrency, "unbounded") }),
    ...(timeout !== undefined && finiteTimeout(check.positiveDuration("timeout", timeout))),
    ...(retry !== undefined && { retry: Retry.make(retry), retries: Retry.shown(retry) }),
    ...(maxErrors !== undefined && { maxErrors: checkMaxErrors(maxErrors) }),
    ...(stragglers !== undefined && { stragglers: checkStragglers(stragglers) }),
    ...(limit !== undefined && { limits: sortedLimits(limit) }),
    ...(batchSize !== undefined && {
      batchSize: batchSize === "auto" ? batchSize : check.positiveIntegerOr("batchSize", batchSize, "auto")
    }),
    ...(preDispatch !== undefined && { preDispatch: checkPreDispatch(preDispatch) }),
    ...(spans !== undefined && { spans: checkSpans(spans) }),
    ...(show !== undefined && { show }),
    ...(name !== undefined && { name: check.nonEmptyString("name", name) }),
    ...(journal !== undefined && { journal: checkJournal(journal) })
  }
}

/** Checks the option `journal`. */
const checkJournal = (journal: unknown): JournalOptions => {
  const keys = ["key", "version", "retryFailed", "success", "error"]
  const options: Partial<JournalOptions> = check.trueOrObject("journal", journal, keys)
  const { error, key, retryFailed = true, success, version } = options
  check.optionalFunction("journal.key", key)
  for (const [side, schema] of Object.entries({ success, error })) {
    if (schema !== undefined && !hasProperty(schema, "ast")) check.wrongType(`journal.${side}`, "a schema", schema)
  }
  if (typeof retryFailed !== "boolean") check.wrongType("journal.retryFailed", "a boolean", retryFailed)
  return {
    key,
    version: version === undefined ? "" : check.nonEmptyString("journal.version", version),
    retryFailed,
    success,
    error
  }
}

/** Drops an infinite timeout. */
const finiteTimeout = (timeout: Duration.Duration) => Duration.isFinite(timeout) ? { timeout } : {}

const checkMaxErrors = (maxErrors: unknown): number =>
  maxErrors === Infinity ? Infinity : check.positiveInteger("maxErrors", maxErrors)

const checkStragglers = (stragglers: NonNullable<Options["stragglers"]>): StragglerOptions => {
  check.knownKeys("stragglers", stragglers, ["after", "limit"])
  return {
    after: check.positiveDuration("stragglers.after", stragglers.after),
    limit: stragglers.limit === undefined ? 3 : check.positiveInteger("stragglers.limit", stragglers.limit)
  }
}

/**
 * Checks limits, removes duplicates and sorts them by rank. A function that returns limits becomes one limit that
 * stands for them.
 */
const sortedLimits = (limit: LimitOption<any>): ReadonlyArray<Limit.Limit<any>> => {
  if (typeof limit === "function") return [new Chosen(limit)]
  const limits: ReadonlyArray<unknown> = Array.isArray(limit) ? limit : [limit]
  for (const each of limits) {
    if (!hasProperty(each, Limit.TypeId)) check.wrongType("limit", "a Limit, an array of them, or a function", each)
  }
  return Limit.sorted(limits as ReadonlyArray<Limit.Limit<any>>)
}

const checkSpans = (spans: unknown): number =>
  typeof spans === "boolean"
    ? Number(spans)
    : check.numberWhere("spans", spans, "a boolean or a number from 0 to 1", (share) => share >= 0 && share <= 1)

const checkPreDispatch = (preDispatch: unknown): number =>
  preDispatch === "all"
    ? Infinity
    : check.numberWhere(
      "preDispatch",
      preDispatch,
      `an integer of at least 0 or "all"`,
      (count) => Number.isSafeInteger(count) && count >= 0
    )
