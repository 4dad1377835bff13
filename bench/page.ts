/**
 * Renders `docs/benchmarks.md` from results. Pure: all figures come from the results, and the text around them states
 * none.
 *
 * Sections without a topic are text. A topic that no section names gets one of its own, so that no result is left out.
 */
import { busy } from "./chartData.ts"
import {
  checkFigure,
  checkName,
  figure,
  median,
  narrow,
  ratios,
  readingsOf,
  type Result,
  type Results,
  spread,
  targetFigure,
  verdict,
  whole
} from "./results.ts"
import { checksTable, escaped, readingsTable, shownVerdict, table } from "./tables.ts"

/** A part of the page. Paragraphs that are `undefined`, as a figure in them was not measured, are left out. */
interface Section {
  readonly title: string
  readonly level: 2 | 3
  readonly topic?: string | undefined
  /** Head of the first column, which names the groups of the topic. Empty if that column is left out. */
  readonly kind?: string | undefined
  /** Whether readings are shown without a click. */
  readonly isOpen?: boolean | undefined
  readonly chart?: Chart | undefined
  readonly before?: ((results: Results) => ReadonlyArray<string | undefined>) | undefined
  readonly after?: ((results: Results) => ReadonlyArray<string | undefined>) | undefined
}

interface Chart {
  readonly file: string
  readonly alt: string
  /** Topics without which there is no chart. */
  readonly topics: ReadonlyArray<string>
}

/** A text with figures, on one line; `undefined` if one of them was not measured. */
const text = (parts: TemplateStringsArray, ...figures: ReadonlyArray<string | undefined>): string | undefined =>
  figures.includes(undefined) ? undefined : String.raw({ raw: parts }, ...figures).replace(/\s+/g, " ")

/** The ratio of two cases, as text. */
const ratioOf = (results: Results, topic: string, group: string, name: string, base: string): string | undefined => {
  const [of, by] = [readingsOf(results, topic, group, name), readingsOf(results, topic, group, base)]
  return of === undefined || by === undefined ? undefined : figure(median(ratios(of, by)), "x")
}

/** The median of a case, as text. */
const middleOf = (results: Results, topic: string, group: string, name: string): string | undefined => {
  const readings = readingsOf(results, topic, group, name)
  return readings === undefined ? undefined : figure(median(readings.values), readings.unit)
}

/** The table of how much of the time simulated workers are busy. */
const busyTable = (results: Results): string | undefined => {
  const cells = busy(results)
  if (cells.length === 0) return undefined
  const lengths = [...new Set(cells.map(({ length }) => length))]
  const shown = (workers: string, length: string): string => {
    const readings = cells.find((each) => each.workers === workers && each.length === length)?.readings
    return readings === undefined ? "" : spread(readings.values, readings.unit)
  }
  const rows = [...new Set(cells.map(({ workers }) => workers))].map((workers) =>
    [workers].concat(lengths.map((length) => shown(workers, length)))
  )
  return table(["workers", ...lengths.map((length) => `tasks of ${escaped(length)}`)], rows)
}

const cores = "the main thread and simulated workers"
const faults = "tasks of random length"

const sections: ReadonlyArray<Section> = [
  {
    title: "On fibers, concurrency 16",
    level: 2,
    chart: {
      file: "fibers.svg",
      alt: "The cost of one input on fibers, by function and body: effect-parallel, p-map and Effect on a logarithmic "
        + "scale. The tables below have the same figures.",
      topics: ["forEach", "partition", "stream"]
    },
    before: () => [
      "The bodies do almost nothing, so what remains is the cost of the engine. They are effects that are ready "
      + "(`Effect.succeed`), synchronous effects (`Effect.sync`) and resolved promises (`Effect.promise`).",
      "The chart compares `run` with `Effect.forEach` over `Effect.exit`, and `stream` with `Stream.mapEffect`. A "
      + "line through a dot shows the range of the rounds."
    ]
  },
  {
    title: "`forEach`",
    level: 3,
    topic: "forEach",
    kind: "bodies",
    before: () => [
      "The floor is one fiber that runs the same bodies one after another and keeps no values. No library that runs "
      + "the bodies as effects can be faster. In a first run, the process has compiled nothing yet."
    ]
  },
  {
    title: "`partition` and `run`",
    level: 3,
    topic: "partition",
    kind: "bodies",
    before: () => [
      "No input fails here. `forEach` keeps only values. `partition` and `run` also keep failures with their inputs, "
      + "and read the clock for every input. `Effect.partition` keeps errors without their inputs. `Effect.exit` is "
      + "`Effect.forEach` over `Effect.exit`."
    ]
  },
  {
    title: "Failures",
    level: 3,
    topic: "failures",
    kind: "bodies",
    before: () => [
      "Every input fails. In `forEach` only the last input fails, because the first failure ends the run. Each "
      + "failure is an object that the garbage collector has to follow, so more inputs can cost more each."
    ]
  },
  {
    title: "`stream`",
    level: 3,
    topic: "stream",
    kind: "inputs",
    before: () => [
      "`stream` emits outcomes with times and attempts. `pMapIterable` of p-map emits values. Both may read equally "
      + "far ahead of their consumer. An unordered stream emits in order of completion. The rows of memory show what "
      + "the inputs add to the peak memory of a process; an array of inputs is itself in memory."
    ]
  },
  {
    title: "The event loop",
    level: 3,
    topic: "eventLoop",
    kind: "bodies",
    before: () => ["The figures are the longest time that the inputs keep a timer of one millisecond waiting."]
  },
  {
    title: "Options",
    level: 3,
    topic: "options",
    kind: "option",
    before: () => [
      "The body is a resolved promise. Each option is compared with the same run without it, and with the equivalent "
      + "of Effect: `Effect.timeout`, `Effect.retry` or a `Semaphore`."
    ]
  },
  {
    title: "Limits",
    level: 3,
    topic: "limits",
    kind: "",
    before: () => ["Each input yields to the event loop once. The rate is one that delays no input."]
  },
  {
    title: "Watching a run",
    level: 3,
    topic: "progress",
    kind: "run",
    before: () => [
      "The first groups compare a run whose progress is shown with the same run without, in CPU time. Both keep the "
      + "counts that progress and metrics read. The last group compares spans of attempts with a run without spans."
    ]
  },
  {
    title: "Flows",
    level: 3,
    topic: "flow",
    kind: "nodes",
    before: () => [
      "Steps are those of a flow that loops through one node. By hand is the same loop in `Effect.gen`. Items of a "
      + "batch node are compared with `Parallel` over the same bodies."
    ]
  },
  {
    title: "On two worker threads",
    level: 2,
    chart: {
      file: "threads.svg",
      alt: "The time of tasks on two threads as a share of the time in one thread, by the length of a task: "
        + "effect-parallel, chunks by hand and Piscina on a logarithmic scale. The table below has the same figures.",
      topics: ["threads"]
    }
  },
  {
    title: "Tasks by length",
    level: 3,
    topic: "threads",
    kind: "tasks",
    before: (results) => [
      "One thread is a loop without any library. Chunks by hand are two worker threads that get the inputs in sixteen "
      + "arrays. Piscina and tinypool get one call for each input.",
      text`At 1 µs, our tasks cost ${
        ratioOf(results, "threads", "tasks of 1 µs", "ours", "chunks by hand")
      } times what chunks by hand cost. That includes the cost of an effect: in one thread, \`Effect.forEach\` takes
      ${
        ratioOf(results, "threads", "tasks of 1 µs as effects, in one thread", "Effect.forEach", "one thread")
      } times as long for these tasks as a loop.`,
      text`The tasks of 0.1 and 3 ms run without V8's middle compiler (\`--no-maglev\`). With it, V8 soon replaces the loop
      in their body by code that takes ${
        ratioOf(results, "threads", "a loop of 3 ms that a closure calls", "called by a closure", "called")
      } times as long if a closure calls it. A closure calls the body of every effect, but not the function that Piscina
      calls. This may happen to tasks of your own, and without any library in one thread too: see the last group.`
    ]
  },
  {
    title: "A pool",
    level: 3,
    topic: "pools",
    kind: "measured",
    before: () => [
      "Piscina imports the same module in its workers. A call is compared with a call of Piscina, tasks with arrays "
      + "with worker threads by hand that do the same.",
      "The garbage collector does not count shared memory. So copies to new shared memory pile up before it frees "
      + "them, which makes the copy by hand for each run slow. A copy to the same shared memory avoids that."
    ]
  },
  {
    title: "joblib",
    level: 3,
    topic: "joblib",
    kind: "tasks",
    before: () => [
      "joblib runs two processes with automatic batches. A round of the task takes longer in Python, so its tasks "
      + "have fewer rounds and take the same time. This compares the pools, not the languages."
    ]
  },
  {
    title: "Many cores",
    level: 2,
    topic: "cores",
    kind: "",
    chart: {
      file: "cores.svg",
      alt: "The share of time that simulated workers are busy, by the length of a task, with a line for each number of "
        + "workers. The table below has the same figures.",
      topics: ["cores"]
    },
    before: (results) => [
      text`The main thread takes ${
        middleOf(results, "cores", cores, "CPU time for a batch")
      } of CPU time for a batch and ${
        middleOf(results, "cores", cores, "CPU time for an input")
      } for an input that is a square root. A simulation takes these costs: the real engine runs on a virtual clock with
      workers that take time and compute nothing. They are busy for this share of the time:`,
      busyTable(results),
      text`So the rate at which the main thread handles inputs is at most ${
        middleOf(results, "cores", cores, "inputs that saturate the main thread")
      }, however many workers there are. The simulation leaves out that cores share memory and caches.`
    ]
  },
  {
    title: "Tasks that go wrong",
    level: 2,
    topic: "faults",
    kind: "",
    isOpen: true,
    before: (results) => [
      text`${middleOf(results, "faults", faults, "all tasks")} tasks of random length run on two workers. ${
        middleOf(results, "faults", faults, "faulty tasks")
      } of them exit, throw, hang until their timeout of a second, or allocate without end. Exactly those must fail.
      \`npm run soak\` runs more of them.`
    ]
  },
  {
    title: "A journal",
    level: 2,
    topic: "journal",
    kind: "measured",
    before: () => [
      "Outcomes of about a hundred bytes are recorded in a file with `Sqlite.layer`, and then recalled. The signed "
      + "figures are what that adds to an outcome: in time, in CPU time of the thread of the program, and in CPU time "
      + "of all threads. By hand is a loop that makes a digest and the JSON of each outcome, and gives groups of them "
      + "to a thread that appends them to a file and waits for the disk. It checks, looks up and reports nothing.",
      "The longest time between two turns of the event loop is mostly garbage collection. The last group of readings "
      + "is a program that opens a file with a million outcomes and recalls the first of them."
    ],
    after: () => [
      "A run without a journal is among the paths of [the guard](#a-guard), so a journal cannot slow it down unseen."
    ],
    isOpen: true
  },
  {
    title: "A guard",
    level: 2,
    before: () => [
      "`npm run check -- instructions` counts, with valgrind, the instructions that an input costs on hot paths "
      + "([bench/paths.ts](../bench/paths.ts), [bench/poolPaths.ts](../bench/poolPaths.ts)). It fails if one costs "
      + "clearly more than its bound in [bench/paths.json](../bench/paths.json). A count does not depend on how busy "
      + "a machine is, so the commit that slows down a path fails. It does not include garbage collection. After an "
      + "intended change, `INSTRUCTIONS=write npm run check -- instructions` writes the new bounds."
    ]
  },
  {
    title: "Machines",
    level: 2,
    topic: "machines",
    kind: "",
    isOpen: true,
    before: () => [
      "The tasks do nothing. The machine is a process beside the program and beside Redis, all on the same cores. It "
      + "is compared with plain BullMQ, which has a job for each task. The floor is lines of numbers over TCP, there "
      + "and back, with no task behind them. The ratios compare rates, so a larger one is better.",
      "Memory is what a process takes for all tasks after a warm-up. What the machine takes beyond its heap is kept "
      + "by V8 for garbage."
    ]
  }
]

/** The link to a section. */
const anchor = (title: string): string => title.toLowerCase().replace(/[^\w\s-]/g, "").replace(/\s/g, "-")

/** Says where the figures of a topic come from, when they were measured and on what. */
const source = (result: Result): string => {
  const { commit, cores, cpu, date, hasChanges, node, os, peers, rounds, topic } = result
  const versions = Object.entries(peers).map(([name, version]) => `${escaped(name)} ${escaped(version)}`)
  const last = versions.length > 1 ? ` and ${versions.at(-1)}` : versions[0]
  const compared = versions.length === 0 ? "" : ` Compared with ${versions.slice(0, -1).join(", ")}${last}.`
  return `*\`bench/${escaped(topic)}.ts\`, measured on ${escaped(date.slice(0, 10))} in ${rounds} ${
    rounds === 1 ? "round" : "rounds"
  } at commit \`${escaped(commit)}\`${hasChanges ? " with changes" : ""}, with Node.js ${escaped(node)} on ${cores} ${
    cores === 1 ? "core" : "cores"
  } of ${escaped(cpu)}, ${escaped(os)}.${compared}*`
}

const folded = (summary: string, content: string): string =>
  `<details>\n<summary>${summary}</summary>\n\n${content}\n\n</details>`

const rendered = (results: Results, section: Section): ReadonlyArray<string | undefined> => {
  const { after, before, chart, isOpen = false, kind = "measured", level, title, topic } = section
  const result = topic === undefined ? undefined : results[topic]
  const readings = result === undefined ? "" : readingsTable(result, kind)
  return [
    `${"#".repeat(level)} ${title}`,
    chart?.topics.every((topic) => results[topic] !== undefined)
      ? `![${chart.alt}](./benchmarks/${chart.file})`
      : undefined,
    result === undefined ? topic === undefined ? undefined : "*Not measured yet.*" : source(result),
    ...before?.(results) ?? [],
    result === undefined ? undefined : checksTable(result, kind) || undefined,
    ...after?.(results) ?? [],
    result === undefined ? undefined : isOpen ? readings : folded("All readings", readings)
  ]
}

/** Sections for topics that have none. */
const others = (results: Results): ReadonlyArray<Section> =>
  Object.values(results)
    .filter(({ topic }) => sections.every((section) => section.topic !== topic))
    .map(({ title, topic }) => ({ title: escaped(title), level: 2, topic }))

const are = (count: number): string => `${whole(count)} ${count === 1 ? "is" : "are"}`

/** The section of targets that are missed, and how many there are in all. */
const missed = (results: Results, all: ReadonlyArray<Section>): ReadonlyArray<string> => {
  const targets = all.flatMap(({ title, topic }) =>
    (topic === undefined ? [] : results[topic]?.groups ?? []).flatMap(({ checks, name }) =>
      checks.filter(({ target }) => target !== undefined).map((check) => ({ check, group: name, title }))
    )
  )
  const counted = Map.groupBy(targets, ({ check }) => verdict(check.values, check.target))
  const bad = counted.get("missed") ?? []
  const close = counted.get("met, narrowly")?.length ?? 0
  const rows = bad.map(({ check, group, title }) => [
    `[${title}](#${anchor(title)})`,
    escaped(`${group}: ${checkName(check)}`),
    checkFigure(check),
    `≤ ${targetFigure(check.target!, check.unit)}`,
    shownVerdict(check)
  ])
  return [
    "## Missed targets",
    `Of ${whole(targets.length)} targets, ${are(bad.length)} missed and ${are(close)} met narrowly, which means within `
    + `${whole(100 - 100 * narrow)} % of the target.`,
    ...bad.length === 0 ? [] : [table(["section", "check", "median", "target", "result"], rows)]
  ]
}

const introduction = [
  "<!-- `npm run bench` writes this page from bench/results; its text is in bench/page.ts. -->",
  "# Benchmarks",
  "This page shows what an input costs, compared with other tools. `npm run bench` measures everything and writes the "
  + "page. `npm run bench -- --topic stream` measures one topic, and `node bench/stream.ts` only prints it.",
  [
    "- In the tables, *ours* is this library.",
    "- A ratio compares two cases of the same round. Below 1, the first case costs less.",
    "- A figure with a sign is a difference: what the first case costs more.",
    "- A figure is the median of all rounds. The smallest and the largest are in brackets.",
    "- A target is the largest value that the median may have.",
    "- Each reading is taken in a process of its own. The cases take turns, and each round starts with another case.",
    "- Times change from hour to hour on shared machines. Ratios change less."
  ].join("\n")
]

/**
 * Breaks the lines of a text at spaces. Tables, images and HTML stay unchanged. No line begins with a word that would
 * make it a list, a heading or a quote.
 */
const wrapped = (part: string): string => {
  if (/^[|!<]/.test(part)) return part
  return part.split("\n").map((line) => {
    const indent = line.startsWith("- ") ? "  " : ""
    const lines: Array<string> = []
    for (const word of line.split(" ")) {
      const last = lines.at(-1)
      const fits = last !== undefined && last.length + 1 + word.length <= columns
      if (fits || (last !== undefined && /^(?:[-+*>|]|#+|=+|\d+[.)])$/.test(word))) {
        lines[lines.length - 1] = `${last} ${word}`
      } else lines.push(last === undefined ? word : indent + word)
    }
    return lines.join("\n")
  }).join("\n")
}

const columns = 120

/** Renders the page. */
export const page = (results: Results): string => {
  const all = [...sections, ...others(results)]
  const parts = [...introduction, ...missed(results, all), ...all.flatMap((section) => rendered(results, section))]
  return `${parts.filter((part) => part !== undefined).map(wrapped).join("\n\n")}\n`
}
