import { type Cause, Context, Data, Effect, Stream } from "effect"
import { type Backend, BatchFlow, BatchNode, Flow, Node, type Outcome, type Report, Task } from "effect-parallel"
import { describe, expectTypeOf, it } from "vitest"

interface Expense {
  readonly id: string
  readonly amount: number
}
interface Receipt {
  readonly of: string
}
class TooOld extends Data.TaggedError("TooOld")<{ readonly id: string }> {}
class BankDown extends Data.TaggedError("BankDown")<{}> {}
class Bank extends Context.Service<Bank, { readonly pay: (expense: Expense) => Effect.Effect<Receipt, BankDown> }>()(
  "test/Bank"
) {}

const review = Node.make("review", {
  prep: (expense: Expense) => expense.amount,
  exec: (amount) => amount < 0 ? Effect.fail(new TooOld({ id: "x" })) : Effect.succeed(amount > 500 ? "big" : "small"),
  post: (expense, amount, size) =>
    size === "small"
      ? Node.out("approved", expense)
      : amount > 900
      ? Node.out("rejected", "too much")
      : Node.out("needsRevision", expense)
})
const revise = Node.make("revise", { exec: (expense: Expense): Expense => ({ ...expense, amount: 75 }) })
const payment = Node.make("payment", {
  exec: (expense: Expense) => Bank.use((bank) => bank.pay(expense)),
  post: (_, __, receipt) => Node.out("paid", receipt)
})
const nodes = { review, revise, payment }
const approval = Flow.make("approval", {
  start: "review",
  nodes,
  on: {
    review: { approved: "payment", needsRevision: "revise", rejected: Flow.end },
    revise: { default: "review" },
    payment: { paid: Flow.end }
  }
})

type Timeout = Cause.TimeoutError
type Words = Node.Node<string, Node.Out<"default", ReadonlyArray<string>>>
const words: Words = Node.make("words", { exec: (text: string): ReadonlyArray<string> => text.split(" ") })
const length = Node.make("length", { exec: (text: string) => text.length })
const even = Node.make("even", {
  post: (n: number) => n % 2 === 0 ? Node.out("default", n) : Node.out("odd", n)
})

describe("Node", () => {
  it("infers input, exits, errors and services from its steps", () => {
    expectTypeOf(review).toEqualTypeOf<
      Node.Node<
        Expense,
        Node.Out<"approved", Expense> | Node.Out<"rejected", string> | Node.Out<"needsRevision", Expense>,
        TooOld
      >
    >()
    expectTypeOf(payment).toEqualTypeOf<Node.Node<Expense, Node.Out<"paid", Receipt>, BankDown, Bank>>()
    expectTypeOf(length).toEqualTypeOf<Node.Node<string, Node.Out<"default", number>>>()
    expectTypeOf(Node.make("x", { prep: (n: number) => Effect.succeed(`${n}`), exec: (text) => text.length }))
      .toEqualTypeOf<Node.Node<number, Node.Out<"default", number>>>()
    expectTypeOf(Node.make("x", {
      prep: (n: number) => Effect.fail(`${n}`),
      post: (n) => Effect.fail(n).pipe(Effect.as(Node.out("a", n)))
    })).toEqualTypeOf<Node.Node<number, Node.Out<"a", number>, string | number>>()
    expectTypeOf(even).toEqualTypeOf<Node.Node<number, Node.Out<"default", number> | Node.Out<"odd", number>>>()
  })

  it("out with a union of two actions is one of two exits", () => {
    const either = {} as "yes" | "no"
    expectTypeOf(Node.out(either, 1)).toEqualTypeOf<Node.Out<"yes", number> | Node.Out<"no", number>>()
  })

  it("a timeout adds its error, and a fallback replaces the errors of exec", () => {
    const exec = (n: number) => n > 0 ? Effect.succeed(n) : Effect.fail("down" as const)
    expectTypeOf(Node.make("x", { exec, timeout: "1 second" }))
      .toEqualTypeOf<Node.Node<number, Node.Out<"default", number>, "down" | Timeout>>()
    expectTypeOf(Node.make("x", { exec, timeout: undefined }))
      .toEqualTypeOf<Node.Node<number, Node.Out<"default", number>, "down">>()
    expectTypeOf(Node.make("x", {
      exec,
      timeout: "1 second",
      retry: {
        while: (error) => {
          expectTypeOf(error).toEqualTypeOf<"down" | Timeout>()
          return true
        }
      },
      fallback: (n, cause) => {
        expectTypeOf(n).toEqualTypeOf<number>()
        expectTypeOf(cause).toEqualTypeOf<Cause.Cause<"down" | Timeout>>()
        return n > 3 ? Node.out("gaveUp", n) : Effect.fail(3).pipe(Effect.as("none"))
      },
      post: (_, __, result) => {
        expectTypeOf(result).toEqualTypeOf<number | string>()
        return Node.out("done", result)
      }
    })).toEqualTypeOf<Node.Node<number, Node.Out<"done", number | string> | Node.Out<"gaveUp", number>, number>>()
  })

  it("a step that may be missing is refused, because its type would be a guess", () => {
    const fallback = (() => "none") as (() => string) | undefined
    // @ts-expect-error Type 'undefined' is not assignable to type
    Node.make("x", { exec: (n: number) => n, fallback })
    // @ts-expect-error Type 'undefined' is not assignable to type
    BatchNode.make("x", { exec: (n: number) => n, concurrency: 1, fallback })
  })

  it("a promise is not a value", () => {
    Node.make("x", { exec: (n: number) => n as any })
    // @ts-expect-error a promise is not a value here: wrap it in Effect.promise or Effect.tryPromise
    Node.make("x", { exec: async (n: number) => n })
    // @ts-expect-error a promise is not a value here: wrap it in Effect.promise or Effect.tryPromise
    Node.make("x", { prep: (n: number) => Promise.resolve(n), exec: () => 1 })
    // @ts-expect-error a promise is not a value here: wrap it in Effect.promise or Effect.tryPromise
    BatchNode.make("x", { exec: async (n: number) => n, concurrency: 1, post: (_, all) => Node.out("a", all) })
  })

  it("a task adds BackendError", () => {
    const root = Task.make("root", { module: import.meta.url, run: (n: number) => Effect.succeed(n / 2) })
    expectTypeOf(Node.make("x", { exec: root }))
      .toEqualTypeOf<Node.Node<number, Node.Out<"default", number>, Backend.BackendError>>()
  })

  it("refuses a post that returns no exit, a fallback without exec, and steps that do not fit", () => {
    // @ts-expect-error Type 'number' is not assignable to type 'Absent | Posted'
    Node.make("x", { exec: (n: number) => n, post: (n) => n })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    Node.make("x", { prep: (n: number) => `${n}`, exec: (n: number) => n })
    // @ts-expect-error 'retries' does not exist in type
    Node.make("x", { exec: (n: number) => n, retries: 3 })
    // @ts-expect-error Type 'number' is not assignable to type 'RetryOption
    Node.make("x", { exec: (n: number) => n, retry: 3 })
  })

  it("values that steps get cannot be changed", () => {
    const left = Node.out("a", [1, 2])
    // @ts-expect-error Cannot assign to 'value' because it is a read-only property
    left.value = [3]
    // @ts-expect-error Cannot assign to 'name' because it is a read-only property
    review.name = "other"
    Node.make("x", {
      exec: (expense: Expense) => {
        // @ts-expect-error Cannot assign to 'amount' because it is a read-only property
        expense.amount = 3
        return expense
      }
    })
    BatchNode.make("x", {
      exec: (n: number) => n,
      concurrency: 1,
      post: (_, results) => {
        // @ts-expect-error Property 'push' does not exist on type 'readonly number[]'
        results.push(3)
        return Node.out("a", results)
      }
    })
  })
})

describe("Flow", () => {
  it("takes the input of its start, has the exits that lead out, and the errors and services of all nodes", () => {
    expectTypeOf(approval).toEqualTypeOf<
      Node.Node<
        Expense,
        Node.Out<"rejected", string> | Node.Out<"paid", Receipt>,
        TooOld | BankDown | Flow.StepLimit,
        Bank
      >
    >()
    expectTypeOf(Flow.run(approval, { id: "a", amount: 1 })).toEqualTypeOf<
      Effect.Effect<
        Node.Out<"rejected", string> | Node.Out<"paid", Receipt>,
        TooOld | BankDown | Flow.StepLimit,
        Bank
      >
    >()
    expectTypeOf(Effect.succeed("a b").pipe(Effect.flatMap((text) => Flow.run(words, text))))
      .toEqualTypeOf<Effect.Effect<Node.Out<"default", ReadonlyArray<string>>>>()
  })

  it("is a node whose exits select the edges of the flow around it", () => {
    const settle = Node.make("settle", { exec: (receipt: Receipt) => receipt.of.length })
    const outer = Flow.make("outer", {
      start: "approval",
      nodes: { approval, settle },
      on: { approval: { paid: "settle", rejected: Flow.exit("refused") }, settle: { default: Flow.end } }
    })
    expectTypeOf(outer).toEqualTypeOf<
      Node.Node<
        Expense,
        Node.Out<"refused", string> | Node.Out<"default", number>,
        TooOld | BankDown | Flow.StepLimit,
        Bank
      >
    >()
  })

  it("a sequence has the exits of its last node, and the other exits of the nodes before", () => {
    expectTypeOf(Flow.chain("line", length, even, even)).toEqualTypeOf<
      Node.Node<string, Node.Out<"odd", number> | Node.Out<"default", number>>
    >()
    // @ts-expect-error Mismatch<"this node takes", string, "but the node before carries", number>
    Flow.chain("line", length, words)
    // @ts-expect-error 'default' never leads to this node: the node before never exits with it
    Flow.chain("line", payment, words)
  })

  it("a fan-out joins by name", () => {
    expectTypeOf(Flow.fanOut("both", { words, length })).toEqualTypeOf<
      Node.Node<
        string,
        Node.Out<"default", { readonly words: ReadonlyArray<string>; readonly length: number }>
      >
    >()
    expectTypeOf(Flow.fanOut("both", { even, half: Node.make("half", { exec: (n: number) => n / 2 }) })).toEqualTypeOf<
      Node.Node<
        number,
        Node.Out<"default", { readonly even: number; readonly half: number }> | Node.Out<"odd", number>
      >
    >()
  })

  it("a race has the exits of its branches", () => {
    expectTypeOf(Flow.race("first", { words, length })).toEqualTypeOf<
      Node.Node<string, Node.Out<"default", ReadonlyArray<string>> | Node.Out<"default", number>>
    >()
  })
})

describe("wiring that does not compile", () => {
  const good = { approved: "payment", needsRevision: "revise", rejected: Flow.end } as const
  const rest = { revise: { default: "review" }, payment: { paid: Flow.end } } as const

  it("an action that is not wired", () => {
    // @ts-expect-error Property 'needsRevision' is missing
    Flow.make("x", { start: "review", nodes, on: { review: { approved: "payment", rejected: Flow.end }, ...rest } })
  })
  it("an action that is misspelt", () => {
    Flow.make("x", {
      start: "review",
      nodes,
      // @ts-expect-error Did you mean to write 'approved'?
      on: { review: { aproved: "payment", needsRevision: "revise", rejected: Flow.end }, ...rest }
    })
  })
  it("an action that the node does not have", () => {
    // @ts-expect-error 'review' never exits with 'extra'
    Flow.make("x", { start: "review", nodes, on: { review: { ...good, extra: Flow.end }, ...rest } })
  })
  it("a target that does not exist", () => {
    // @ts-expect-error Did you mean '"payment"'?
    Flow.make("x", { start: "review", nodes, on: { review: { ...good, approved: "paymnt" }, ...rest } })
  })
  it("a start that does not exist", () => {
    // @ts-expect-error Did you mean '"review"'?
    Flow.make("x", { start: "reviewer", nodes, on: { review: good, ...rest } })
  })
  it("a node that is not wired", () => {
    // @ts-expect-error Property 'revise' is missing
    Flow.make("x", { start: "review", nodes, on: { review: good, payment: { paid: Flow.end } } })
  })
  it("a wiring for a node that does not exist", () => {
    // @ts-expect-error there is no node 'audit'
    Flow.make("x", { start: "review", nodes, on: { review: good, ...rest, audit: {} } })
  })
  it("an edge to a node that takes another type", () => {
    // @ts-expect-error Mismatch<"'payment' takes", Expense, "but 'rejected' carries", string>
    Flow.make("x", { start: "review", nodes, on: { review: { ...good, rejected: "payment" }, ...rest } })
  })
  it("a node whose actions are not literals", () => {
    const wide = Node.make("wide", { post: (action: string) => Node.out(action, 1) })
    // @ts-expect-error the actions of 'wide' are unknown
    Flow.make("x", { start: "wide", nodes: { wide }, on: { wide: { a: Flow.end } } })
  })
  it("a wrong input of the flow", () => {
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    void Flow.run(approval, { id: 1, amount: 3 })
  })
  it("services that are missing at the run", () => {
    const runnable = (effect: Effect.Effect<unknown, unknown>) => effect
    // @ts-expect-error Type 'Bank' is not assignable to type 'never'
    // @effect-diagnostics-next-line missingEffectContext:off
    void runnable(Flow.run(approval, { id: "a", amount: 3 }))
  })
  it("an unhandled error where none is allowed", () => {
    const safe = (effect: Effect.Effect<unknown, never, Bank>) => effect
    // @ts-expect-error Type 'BankDown | StepLimit | TooOld' is not assignable to type 'never'
    // @effect-diagnostics-next-line missingEffectError:off
    void safe(Flow.run(approval, { id: "a", amount: 3 }))
  })
})

describe("BatchNode", () => {
  const exec = (text: string, index: number) => index < 9 ? Effect.succeed(text.length) : Effect.fail("long" as const)

  it("collect decides what post gets and how the batch fails", () => {
    const each = { prep: (texts: ReadonlyArray<string>) => texts, exec, concurrency: 4 } as const
    expectTypeOf(BatchNode.make("x", each)).toEqualTypeOf<
      Node.Node<ReadonlyArray<string>, Node.Out<"default", ReadonlyArray<number>>, "long">
    >()
    expectTypeOf(BatchNode.make("x", { ...each, collect: "validate" })).toEqualTypeOf<
      Node.Node<
        ReadonlyArray<string>,
        Node.Out<"default", ReadonlyArray<number>>,
        Outcome.FailedExamples<string, number, "long">
      >
    >()
    expectTypeOf(BatchNode.make("x", {
      prep: (texts: ReadonlyArray<string>) => texts,
      exec: (text, index) => exec(text, index),
      collect: "partition",
      concurrency: 4,
      post: (texts, results) => {
        expectTypeOf(texts).toEqualTypeOf<ReadonlyArray<string>>()
        expectTypeOf(results).toEqualTypeOf<
          readonly [
            values: ReadonlyArray<number>,
            failures: ReadonlyArray<Outcome.Failure<string, "long">>
          ]
        >()
        return Node.out("sides", results[0])
      }
    })).toEqualTypeOf<Node.Node<ReadonlyArray<string>, Node.Out<"sides", ReadonlyArray<number>>>>()
    expectTypeOf(BatchNode.make("x", { ...each, collect: "run", maxErrors: 3, timeout: "1 second" })).toEqualTypeOf<
      Node.Node<
        ReadonlyArray<string>,
        Node.Out<"default", Report.Report<string, number, "long" | Timeout>>,
        Outcome.TooManyErrors<string, number, "long" | Timeout>
      >
    >()
    expectTypeOf(BatchNode.make("x", { ...each, collect: "race" })).toEqualTypeOf<
      Node.Node<
        ReadonlyArray<string>,
        Node.Out<"default", number>,
        Outcome.FailedExamples<string, number, "long">
      >
    >()
  })

  it("a fallback replaces the errors of an item", () => {
    expectTypeOf(BatchNode.make("x", {
      prep: (texts: ReadonlyArray<string>) => Effect.succeed(new Set(texts)),
      exec,
      concurrency: "unbounded",
      timeout: "1 second",
      fallback: (text, cause) => {
        expectTypeOf(text).toEqualTypeOf<string>()
        expectTypeOf(cause).toEqualTypeOf<Cause.Cause<"long" | Timeout>>()
        return null
      }
    })).toEqualTypeOf<
      Node.Node<ReadonlyArray<string>, Node.Out<"default", ReadonlyArray<number | null>>>
    >()
  })

  it("items may come from a set, a generator, an async iterable or a stream, and not from null", () => {
    const one = { exec: (text: string) => text.length, concurrency: 1 } as const
    expectTypeOf(BatchNode.make("x", {
      ...one,
      prep: (_: number) => Stream.fail("broken" as const).pipe(Stream.map(() => "a"))
    })).toEqualTypeOf<Node.Node<number, Node.Out<"default", ReadonlyArray<number>>, "broken">>()
    BatchNode.make("x", { ...one, prep: (text: string) => new Set([text]) })
    BatchNode.make("x", {
      ...one,
      prep: function*(_: number) {
        yield "a"
      }
    })
    BatchNode.make("x", {
      ...one,
      prep: async function*(_: number) {
        yield "a"
      }
    })
    // @ts-expect-error Type 'null' is not assignable to type
    BatchNode.make("x", { ...one, prep: (_: number) => null })
    // @ts-expect-error Type 'null' is not assignable to type
    BatchNode.make("x", { ...one, prep: (n: number) => n > 0 ? ["a"] : null })
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    BatchNode.make("x", { ...one, prep: (n: number) => [n] })
  })

  it("a batch requires a concurrency", () => {
    // @ts-expect-error Property 'concurrency' is missing
    BatchNode.make("x", { exec: (n: number) => n })
    // @ts-expect-error Type '"all"' is not assignable to type
    BatchNode.make("x", { exec: (n: number) => n, concurrency: 1, collect: "all" })
  })

  it("without prep its input is the items", () => {
    const lengths = BatchNode.make("x", { exec: (text: string) => text.length, concurrency: 1 })
    void Flow.run(lengths, ["a"])
    void Flow.run(lengths, new Set(["a"]))
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    void Flow.run(lengths, [1])
  })
})

describe("BatchFlow", () => {
  it("gives post the exits of its flow", () => {
    const pay = BatchFlow.make("pay", {
      prep: (expenses: ReadonlyArray<Expense>) => expenses,
      flow: approval,
      concurrency: 3,
      post: (_, outs) => {
        expectTypeOf(outs).toEqualTypeOf<ReadonlyArray<Node.Out<"rejected", string> | Node.Out<"paid", Receipt>>>()
        return Node.out("all", outs.length)
      }
    })
    expectTypeOf(pay).toEqualTypeOf<
      Node.Node<
        ReadonlyArray<Expense>,
        Node.Out<"all", number>,
        TooOld | BankDown | Flow.StepLimit,
        Bank
      >
    >()
  })

  it("refuses items that the flow does not take, and no concurrency", () => {
    BatchFlow.make("pay", {
      prep: (ids: ReadonlyArray<string>) => ids,
      // @ts-expect-error Type 'string' is not assignable to type 'Expense'
      flow: approval,
      concurrency: 3
    })
    // @ts-expect-error Property 'concurrency' is missing
    BatchFlow.make("pay", { prep: (expenses: ReadonlyArray<Expense>) => expenses, flow: approval })
  })
})
