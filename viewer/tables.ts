/** The tables of the slowest inputs, and of the failed ones. */
import { fold } from "../src/report/frames.ts"
import { workerName } from "../src/report/trace.ts"
import { count, duration, el, section } from "./dom.ts"
import type { Model, Outcome } from "./model.ts"

const slowest = 20

/** Number of failed inputs that are added with each page. */
const page = 100

export const slowestInputs = ({ report }: Model): HTMLElement => {
  const ran = report.outcomes.filter(({ recorded }) => recorded === undefined)
  const rows = ran.toSorted((a, b) => b.elapsed - a.elapsed).slice(0, slowest)
  const head = ["#", "input", "took", "started", "attempts", "worker", ""]
  return section(
    "slowest",
    "Slowest inputs",
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...head.map((title) => el("th", {}, title)))),
      el("tbody", {}, ...rows.map(row))
    )
  )
}

const row = (outcome: Outcome): HTMLElement => {
  const { attempts, elapsed, index, input, startedAt, worker } = outcome
  const verdict = outcome._tag === "Success" ? "succeeded" : "failed"
  const cells = [count(index), input, duration(elapsed), duration(startedAt), count(attempts), count(worker)]
  return el("tr", {}, ...cells.map((text) => el("td", {}, text)), el("td", { class: verdict }, verdict))
}

export const failures = ({ report }: Model): HTMLElement => {
  const failed = report.outcomes.filter(({ _tag }) => _tag === "Failure")
  const list = el("div", { id: "failed-list" })
  const shown = el("p", { class: "facts", id: "failed-shown" })
  const more = el("button", { type: "button" }, "show more")
  const filter = el("input", { type: "search", id: "filter", placeholder: "filter by input, message or stack" })
  let [matching, length] = [failed, page]
  const render = () => {
    const part = matching.slice(0, length)
    list.replaceChildren(...part.map((outcome) => failure(report, outcome)))
    const of = matching.length === failed.length ? "" : ` of ${count(failed.length)}`
    shown.textContent = `${count(matching.length)}${of} failed inputs`
    more.hidden = part.length === matching.length
  }
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase()
    matching = wanted === "" ? failed : failed.filter((outcome) => textOf(outcome).includes(wanted))
    length = page
    render()
  })
  more.addEventListener("click", () => {
    length += page
    render()
  })
  render()
  return failed.length === 0
    ? section("failures", "Failed inputs", el("p", { class: "facts" }, "none"))
    : section("failures", "Failed inputs", filter, shown, list, more)
}

const textOf = ({ error, index, input }: Outcome): string =>
  `#${index} ${input}\n${error?.message}\n${error?.cause ?? ""}`.toLowerCase()

/** Makes the entry of a failed input; its cause and attempts appear when it is opened. */
const failure = (report: Model["report"], outcome: Outcome): HTMLElement => {
  const { attempts, error, history = [], index, input, recorded } = outcome
  const details = el(
    "details",
    {},
    el(
      "summary",
      {},
      el("code", {}, `#${index}`),
      el("b", {}, input),
      el("span", { class: "failed" }, error?.message ?? ""),
      ...(attempts > 1 ? [el("small", {}, `${count(attempts)} attempts`)] : []),
      ...(recorded !== undefined ? [el("small", {}, `recalled, recorded at ${recorded.at}`)] : [])
    )
  )
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return
    for (const [nth, { elapsed, end, message, worker }] of history.entries()) {
      const what = `attempt ${nth + 1} on ${workerName(report, worker)}, ${duration(elapsed)}: ${
        message ?? end.toLowerCase()
      }`
      details.append(el("p", {}, what))
    }
    details.append(...causeOf(error))
  })
  return details
}

/** Makes the text of a cause, without the frames of libraries, and a button that shows these where there are any. */
const causeOf = (error: Outcome["error"]): ReadonlyArray<HTMLElement> => {
  const whole = error?.cause ?? `${error?.message}\n(the causes of this many failures were left out)`
  const short = fold(whole)
  const text = el("pre", {}, short)
  if (short === whole) return [text]
  const more = el("button", { type: "button" }, "show all frames")
  more.addEventListener("click", () => {
    text.textContent = whole
    more.remove()
  })
  return [text, more]
}
