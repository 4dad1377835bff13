import { assert, describe, it } from "@effect/vitest"
import { BatchFlow, BatchNode, Flow, Node } from "effect-parallel"
import { Window } from "happy-dom"

/** Mermaid needs the document of a browser, even to parse. */
const mermaid = async () => {
  const window = new Window()
  Object.assign(globalThis, { window, document: window.document })
  return (await import("mermaid")).default
}

/** Parses a chart with Mermaid itself. */
const parsed = async (text: string) => {
  const api = await mermaid()
  await api.parse(text)
  const { db } = await api.mermaidAPI.getDiagramFromText(text) as unknown as {
    readonly db: {
      getVertices(): Map<string, { readonly id: string; readonly text?: string }>
      getEdges(): ReadonlyArray<{ readonly start: string; readonly end: string; readonly text: string }>
      getSubGraphs(): ReadonlyArray<
        { readonly id: string; readonly title: string; readonly nodes: ReadonlyArray<string> }
      >
    }
  }
  const boxes = db.getSubGraphs()
  const named = (id: string) => boxes.find((box) => box.id === id)?.title ?? db.getVertices().get(id)?.text ?? id
  return {
    nodes: [...db.getVertices().values()].map(({ text }) => text),
    edges: db.getEdges().map(({ end, start, text }) => `${named(start)} -${text}-> ${named(end)}`),
    boxes: boxes.map(({ nodes, title }) => ({ title, nodes: nodes.map(named) }))
  }
}

const again = Node.make("again", { post: (n: number) => n > 3 ? Node.out("done", n) : Node.out("more", n + 1) })
const log = Node.make("log", { exec: (n: number) => n })
const loop = Flow.make("loop", {
  start: "again",
  nodes: { log, again },
  on: { again: { more: "log", done: Flow.end }, log: { default: "again" } }
})

describe("toMermaid", () => {
  it("draws a loop and a nested flow: actions on edges, and edges of the nested flow at its box", async () => {
    const outer = Flow.make("outer", {
      start: "count",
      nodes: { count: loop, log },
      on: { count: { done: "log" }, log: { default: Flow.exit("logged") } }
    })
    const text = Flow.toMermaid(outer)
    const chart = await parsed(text)

    assert.deepStrictEqual(chart.edges, [
      "again -more-> log",
      "again -done-> done",
      "log -default-> again",
      "count -done-> log",
      "log -default-> logged"
    ])
    assert.deepStrictEqual(chart.boxes, [{ title: "count", nodes: ["again", "log", "done"] }])
    assert.strictEqual(Flow.toMermaid(outer), text)
  })

  it("draws sequences, fan-outs, races, batches and batch flows", async () => {
    const each = BatchNode.make("each", { prep: (n: number) => [n], exec: (n) => n, concurrency: 1 })
    const perItem = BatchFlow.make("perItem", { prep: (n: number) => [n], flow: loop, concurrency: 1 })
    const all = Flow.chain(
      "all",
      Flow.fanOut("both", { log, each, perItem }),
      Node.make("join", { exec: ({ log }: { readonly log: number }) => log }),
      Flow.race("first", { log, loop: log })
    )
    const chart = await parsed(Flow.toMermaid(all))

    assert.deepStrictEqual(chart.boxes.map(({ title }) => title).toSorted(), [
      "both",
      "first",
      "loop",
      "perItem: for each"
    ])
    assert.includeMembers(chart.edges, ["both -default-> join", "join -default-> first"])
    assert.strictEqual(chart.edges.filter((edge) => edge.endsWith("--> perItem: for each")).length, 1)
  })

  it("draws a single node", async () => {
    assert.deepStrictEqual((await parsed(Flow.toMermaid(log))).nodes, ["log"])
    assert.deepStrictEqual((await parsed(Flow.toMermaid(BatchFlow.make("b", { flow: log, concurrency: 1 })))).nodes, [
      "log"
    ])
  })

  it("draws any name as a name", async () => {
    const names = [
      `end`,
      `a"b`,
      `x]; click`,
      "`md`",
      "a<b>&c",
      "# 1",
      "line\nbreak",
      "größe {1}",
      "-->",
      "subgraph",
      "%% no"
    ]
    for (const name of names) {
      const node = Node.make(name, { post: (n: number) => Node.out("a|b \"c\"", n) })
      const text = Flow.toMermaid(
        Flow.make("f", {
          start: "n",
          nodes: { n: Flow.chain("line", node) },
          on: { n: { "a|b \"c\"": Flow.end } }
        })
      )
      const chart = await parsed(text)

      assert.strictEqual(chart.boxes.length, 1, text)
      assert.strictEqual(chart.edges.length, 1, text)
    }
  })
})
