/**
 * Results of benches as they are stored in `bench/results`, and functions that compute and format their figures. Pure,
 * and without imports, so that the page can be rendered and tested if no peer is installed.
 */

/** Unit of a figure. `x` is a ratio; times are those of one input, unless the group says otherwise. */
export type Unit = "x" | "µs" | "ms" | "s" | "MB" | "%" | "per second" | "tasks"

/** The readings of one case, one for each round. */
export interface Readings {
  readonly case: string
  /** Number of inputs, where a case has been measured with several. */
  readonly inputs?: number | undefined
  readonly unit: Unit
  readonly values: ReadonlyArray<number>
}

/** A figure that is computed from the readings of each round. */
export interface StoredCheck {
  readonly case: string
  /** What the case is compared with. With the unit `x` the figure is a ratio, with any other a difference. */
  readonly beside?: string | undefined
  readonly inputs?: number | undefined
  readonly unit: Unit
  /** The greatest allowed value. */
  readonly target?: number | undefined
  readonly values: ReadonlyArray<number>
}

export interface GroupResult {
  readonly name: string
  /** Command-line options of Node.js. */
  readonly flags?: ReadonlyArray<string> | undefined
  readonly readings: ReadonlyArray<Readings>
  readonly checks: ReadonlyArray<StoredCheck>
}

/** One topic, as it was measured last. */
export interface Result {
  readonly topic: string
  readonly title: string
  /** When the topic was done, in UTC, and how many seconds it took. */
  readonly date: string
  readonly seconds: number
  readonly rounds: number
  readonly commit: string
  /** True if `src` or `bench` had changes that the commit has not. */
  readonly hasChanges: boolean
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly os: string
  /** Versions of what was measured beside ours. */
  readonly peers: Readonly<Record<string, string>>
  readonly groups: ReadonlyArray<GroupResult>
}

export type Results = Readonly<Record<string, Result>>

/** A target is met narrowly from this share of it on. */
export const narrow = 0.95

/** Returns the median. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

export type Verdict = "met" | "met, narrowly" | "missed"

/** Compares the median with the target, if there is one. */
export const verdict = (values: ReadonlyArray<number>, target: number | undefined): Verdict | undefined => {
  if (target === undefined) return undefined
  const value = median(values)
  if (value > target) return "missed"
  return value > narrow * target ? "met, narrowly" : "met"
}

/** Formats a whole number with commas. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en-US")

/** Formats a number with so many significant digits, never with an exponent. */
const significant = (value: number, digits: number): string => {
  const rounded = Number(value.toPrecision(digits))
  const size = Math.abs(rounded)
  if (size >= 10 ** (digits - 1)) return whole(rounded)
  if (size === 0) return "0"
  return rounded.toFixed(digits - 1 - Math.floor(Math.log10(size)))
}

const micros: Readonly<Partial<Record<Unit, number>>> = { "µs": 1, "ms": 1e3, "s": 1e6 }

/** The unit in which a time is read best. */
const timeUnit = (value: number): "µs" | "ms" | "s" => {
  const size = Math.abs(value)
  return size < 1e3 ? "µs" : size < 1e6 ? "ms" : "s"
}

/** Formats a figure: ratios and rates with two significant digits, everything else with three. */
export const figure = (value: number, unit: Unit): string => {
  if (unit === "x") return significant(value, 2)
  if (unit === "per second") return `${significant(value, 2)} per second`
  if (unit === "%") return `${value.toFixed(1)} %`
  if (unit === "tasks") return whole(value)
  const scale = micros[unit]
  if (scale === undefined) return `${significant(value, 3)} ${unit}`
  const [size, best] = [value * scale, timeUnit(value * scale)]
  return `${significant(size / micros[best]!, 3)} ${best}`
}

/** Formats a target, which is not rounded. */
export const targetFigure = (target: number, unit: Unit): string =>
  unit === "x"
    ? String(Number(target.toPrecision(3)))
    : figure(target, unit).replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "")

/** Formats the median, and the range in brackets unless all rounds look the same. A unit that both share stands once. */
export const spread = (values: ReadonlyArray<number>, unit: Unit, isDifference = false): string => {
  const show = (value: number) => `${isDifference && value >= 0 ? "+" : ""}${figure(value, unit)}`
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)].map(show)
  if (least === middle && middle === most) return middle!
  const name = / [^\d]+$/.exec(middle!)?.[0] ?? ""
  const isShared = least!.endsWith(name) && most!.endsWith(name)
  const [from, to] = [least!, most!].map((end) => isShared ? end.slice(0, end.length - name.length) : end)
  return `${middle} (${from} to ${to})`
}

/** Formats the figure of a check. */
export const checkFigure = (check: StoredCheck): string =>
  spread(check.values, check.unit, check.unit !== "x" && check.beside !== undefined)

/** Names a check in one line. */
export const checkName = ({ beside, case: name, inputs, unit }: Omit<StoredCheck, "values">): string =>
  [
    beside === undefined ? name : `${name} ${unit === "x" ? "/" : "-"} ${beside}`,
    ...inputs === undefined ? [] : [whole(inputs)]
  ].join(", ")

/** Finds the readings of a case; the size matters only if there are several. */
export const readingsOf = (
  results: Results,
  topic: string,
  group: string,
  name: string,
  inputs?: number
): Readings | undefined =>
  results[topic]?.groups
    .find((each) => each.name === group)?.readings
    .find((each) => each.case === name && (inputs === undefined || each.inputs === inputs))

/** Computes the ratio of two cases in each round. */
export const ratios = (of: Readings, base: Readings): ReadonlyArray<number> =>
  of.values.map((value, round) => value / base.values[round]!)
