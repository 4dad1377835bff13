/** The pages of the site in the order of its sidebar, and of `llms.txt`: each in a few words, and in one line. */

export interface Page {
  /** Its address on the site, without an extension. */
  readonly path: string
  /** The file that it is made of. */
  readonly file: string
  /** What the sidebar calls it. */
  readonly title: string
  readonly about: string
}

export interface Group {
  readonly title: string
  readonly pages: ReadonlyArray<Page>
}

const page = (path: string, title: string, about: string): Page => ({ path, file: `docs/${path}.md`, title, about })

const module = (path: string, about: string, file = `src/${path}.ts`): Page => ({
  path: `api/${path}`,
  file,
  title: path,
  about
})

/** The pages in `docs`, and that of the examples. */
export const guides: ReadonlyArray<Group> = [
  {
    title: "Start",
    pages: [
      page("first-run", "First run", "Install the library, run an effect over some inputs, and read the report."),
      page("why", "Why", "What it adds to `Effect.forEach`, and when you do not need it.")
    ]
  },
  {
    title: "Guides",
    pages: [
      page(
        "failures",
        "Failures",
        "Stop at the first failure, collect all of them, or keep what succeeded; error budgets."
      ),
      page(
        "timing",
        "Timeouts, retries, stragglers",
        "Time limits of attempts, retries, and second copies of slow inputs."
      ),
      page("limits", "Limits", "Concurrency, rates, tokens per minute, limits by host, limits that adapt, pauses."),
      page(
        "inputs",
        "Inputs",
        "Arrays, generators, async iterables and streams, endless ones too, and how far they are read ahead."
      ),
      page("threads", "Threads", "Run tasks on worker threads: how to write a task, what crosses, what it costs."),
      page(
        "processes",
        "Processes",
        "Run tasks in processes: native code that may crash, and work that takes much memory."
      ),
      page("flows", "Flows", "Nodes connected by named actions, with loops, batches, branches and races."),
      page("watching", "Watching", "Progress bars, the dashboard, spans and metrics while a run goes on."),
      page("reports", "Reports", "What a report knows of every input, as text, JSON, a page and a trace."),
      page("resume", "Resume", "Journals: continue a run that was stopped, and never compute a result twice."),
      page(
        "machines",
        "Machines",
        "A fleet of workers over a queue in Redis, and what happens when some of it is lost."
      ),
      page("testing", "Testing", "Test programs with a backend that fails on request and a clock that does not wait."),
      page("recipes", "Recipes", "Short programs for common jobs.")
    ]
  },
  {
    title: "Coming from",
    pages: [
      page("coming-from-joblib", "joblib", "Each parameter of `joblib.Parallel`, and its counterpart here."),
      page(
        "coming-from-dspy",
        "DSPy",
        "Each parameter of `dspy.Parallel` and `dspy.Example`, and its counterpart here."
      ),
      page("coming-from-pocketflow", "PocketFlow", "Each class and parameter of PocketFlow, and its counterpart here."),
      page("coming-from-p-map", "p-map", "Each option of `p-map`, and its counterpart here."),
      page("coming-from-piscina", "Piscina", "Each option of Piscina, and its counterpart here."),
      page(
        "coming-from-effect-foreach",
        "Effect.forEach",
        "What changes when `Effect.forEach` becomes a run, and what does not."
      ),
      page("coming-from-bullmq", "BullMQ", "Queues, workers and jobs of BullMQ, and their counterparts here.")
    ]
  },
  {
    title: "More",
    pages: [
      page(
        "backends",
        "Backends of your own",
        "What every backend promises, other machines, and how to write and test one."
      ),
      page("reliability", "Reliability", "What is tested and how, what is bounded, and what is not promised."),
      page("design", "Design", "How the modules fit together, what each option means, and what was decided and why."),
      page("benchmarks", "Benchmarks", "What an input costs, beside other tools."),
      {
        path: "examples",
        file: "examples/README.md",
        title: "Examples",
        about: "Complete programs that run, from a translator to a crawler and agents."
      }
    ]
  }
]

/** The public modules: their sub-paths. */
export const modules: ReadonlyArray<Group> = [
  {
    title: "Runs",
    pages: [
      module("Parallel", "Runs an effect over many inputs: `forEach`, `validate`, `partition`, `run`, `stream`."),
      module("Task", "Names work so that any backend can run it."),
      module("Limit", "Limits that runs share: concurrency, rates, adaptive limits, gates, limits by key."),
      module("Example", "Inputs with labels, and rows of JSON lines.")
    ]
  },
  {
    title: "Flows",
    pages: [
      module("Node", "A step that prepares, executes, and exits by a named action."),
      module("Flow", "Nodes connected by actions; chains, fan-outs and races."),
      module("BatchNode", "A node that runs a step for each of many items."),
      module("BatchFlow", "A node that runs a flow for each of many items.")
    ]
  },
  {
    title: "Results",
    pages: [
      module("Outcome", "What a run knows of one input: value or failure, attempts, times, waits."),
      module("Report", "All outcomes of a run, as text, JSON, a page or a trace."),
      module("Progress", "Progress of runs on a terminal, in a log or in a value."),
      module("Dashboard", "Runs in a browser while they go on.")
    ]
  },
  {
    title: "Journals",
    pages: [
      module("Journal", "Records outcomes, so that a run can resume."),
      module("journal/Sqlite", "A journal in a file."),
      module("platform/Shutdown", "Lets attempts finish when the program is told to stop.")
    ]
  },
  {
    title: "Backends",
    pages: [
      module("Backend", "Where tasks run: the contract of a backend, and the errors of all."),
      module("backend/Threads", "Worker threads."),
      module("backend/Processes", "Processes on this machine."),
      module("backend/BullMQ", "Machines that take their work from a queue in Redis."),
      module("backend/Transport", "Machines that are reached in a way of your own.")
    ]
  },
  {
    title: "Tests",
    pages: [
      module(
        "testing",
        "A backend for tests, and suites for backends and journals of your own.",
        "src/testing/index.ts"
      )
    ]
  }
]
