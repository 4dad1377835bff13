// Measures the time that the compiler needs for the wiring of a large flow, with 150 nodes of 3 actions each, compared
// with an empty program that imports Effect. Prints both, and fails if the flow takes three times as long or more. The
// flow sees the library as its users do, through the declarations in `dist`, which are built first.
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const nodes = 150
const rounds = 5
const target = 3

const empty = `import * as Effect from "effect/Effect"\nexport const program = Effect.void\n`

const numbers = Array.from({ length: nodes }, (_, n) => n)

/** Source of the flow. Each node has an input type of its own, and its exits carry the types of three other nodes. */
const flow = [
  `import * as Effect from "effect/Effect"`,
  `import { Flow, Node } from "effect-parallel"`,
  ...numbers.map((n) => `interface T${n} { readonly kind: ${n}; readonly text: string }`),
  ...numbers.map((n) => {
    const [a, b, c] = [1, 2, 7].map((step) => (n + step) % nodes)
    return [
      `const n${n} = Node.make("n${n}", {`,
      `  exec: (input: T${n}) => Effect.succeed(input.text.length),`,
      `  post: ({ text }, _, size) =>`,
      `    size === 1 ? Node.out("next", { kind: ${a}, text } as T${a})`,
      `    : size === 2 ? Node.out("skip", { kind: ${b}, text } as T${b})`,
      `    : Node.out("jump", { kind: ${c}, text } as T${c})`,
      `})`
    ].join("\n")
  }),
  `export const flow = Flow.make("large", {`,
  `  start: "n0",`,
  `  nodes: { ${numbers.map((n) => `n${n}`).join(", ")} },`,
  `  on: {`,
  ...numbers.map((n) => {
    const [a, b, c] = [1, 2, 7].map((step) => (n + step) % nodes)
    const out = n === nodes - 1 ? "Flow.end" : `"n${c}"`
    return `    n${n}: { next: "n${a}", skip: "n${b}", jump: ${out} },`
  }),
  `  }`,
  `})`,
  `export const program = Flow.run(flow, { kind: 0, text: "" })`
].join("\n")

const home = mkdtempSync(join(root, "test", "types", "cost-"))

execFileSync(process.execPath, [join(root, "scripts", "build.ts")], { stdio: "inherit" })

const seconds = (name: string): number => {
  const from = performance.now()
  const { status, stdout } = spawnSync("tsc", ["-p", join(home, `${name}.json`)], { encoding: "utf8" })
  if (status !== 0) throw new Error(`${name} does not compile\n${stdout}`)
  return (performance.now() - from) / 1000
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

try {
  for (const [name, source] of Object.entries({ empty, flow })) {
    writeFileSync(join(home, `${name}.ts`), source)
    const compilerOptions = { customConditions: [] }
    const config = { extends: "../../../tsconfig.json", compilerOptions, include: [`${name}.ts`] }
    writeFileSync(join(home, `${name}.json`), JSON.stringify(config))
  }
  const ratios: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const [base, cost] = [seconds("empty"), seconds("flow")]
    ratios.push(cost / base)
    console.log(`empty ${base.toFixed(2)} s, ${nodes} nodes ${cost.toFixed(2)} s, ${(cost / base).toFixed(2)} x`)
  }
  const ratio = median(ratios)
  console.log(`median ${ratio.toFixed(2)} x, target ${target} x: ${ratio < target ? "met" : "missed"}`)
  if (ratio >= target) process.exitCode = 1
} finally {
  rmSync(home, { recursive: true })
}
