/** The options of the run, the machine it ran on, and its data as downloads. */
import { make as makeTrace } from "../src/report/trace.ts"
import type { Model } from "./model.ts"
import { counted, duration } from "./text.ts"

export const About = ({ model }: { readonly model: Model }) => {
  const { backend, host = {}, limits = [], machines, name, options = {} } = model.report
  const pairs: ReadonlyArray<readonly [name: string, text: string]> = [
    ...(backend === undefined ? [] : [["backend", backend] as const]),
    ...Object.entries(options),
    ...limits.map(({ name, waited, waits }) =>
      [`limit ${name}`, `${counted(waits, "wait")}, ${duration(waited)} in total`] as const
    ),
    ...(machines === undefined ? [] : [["machines", [...new Set(Object.values(machines))].join(", ")] as const]),
    ...Object.entries(host)
  ]
  return (
    <section id="about" aria-labelledby="about-title">
      <h2 id="about-title">About this run</h2>
      {pairs.length > 0 && (
        <dl class="pairs columns">
          {pairs.map(([name, text]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      )}
      <p class="buttons">
        <button type="button" id="download-json" onClick={() => download(`${name}.json`, model.json)}>
          Download JSON
        </button>
        <button
          type="button"
          id="download-trace"
          onClick={() => download(`${name}.trace.json`, makeTrace(model.report))}
        >
          Download trace
        </button>
        <small>A trace opens in Perfetto and chrome://tracing.</small>
      </p>
    </section>
  )
}

const download = (name: string, content: object): void => {
  const url = URL.createObjectURL(new Blob([JSON.stringify(content)], { type: "application/json" }))
  const link = document.createElement("a")
  link.href = url
  link.download = name.replaceAll(/[^\p{L}\p{N}._ -]+/gu, "-")
  link.click()
  // the browser has taken the content by the time this task is over
  setTimeout(() => URL.revokeObjectURL(url))
}
