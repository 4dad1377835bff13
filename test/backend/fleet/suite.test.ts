/** The conformance suite on fleets in memory. */
import { Effect, Layer } from "effect"
import * as Threads from "effect-parallel/backend/Threads"
import * as Transport from "effect-parallel/backend/Transport"
import { suite, tasks } from "effect-parallel/testing"

const except = {
  "any value that a structured clone keeps survives without a schema": "machines are sent JSON"
}

/** A fleet in memory, as a backend. */
const fleet = (options: Partial<Transport.MemoryOptions>) =>
  Layer.provideMerge(Transport.layer(), Transport.layerMemory({ tasks: tasks.all, ...options }))

// with this many slots no case waits for another
const options = { except, concurrent: true }
for (const machines of [1, 2, 5]) suite(`${machines} machines in memory`, fleet({ machines, slots: 64 }), options)

suite("a slow network in memory", fleet({ slots: 64, latency: "5 millis", tells: false }), options)

suite(
  "machines in memory, on threads",
  fleet({ machines: 2, slots: 1, backend: Threads.layer({ workers: 1 }) }),
  { except, isolated: true }
)

suite("machines that come and go", fleet({ machines: 3 }), {
  except,
  resize: (workers) =>
    Effect.gen(function*() {
      const network = yield* Transport.Network
      const there = yield* network.machines
      for (let k = 0; k < workers; k++) yield* network.start(`machine-${k + 1}`)
      // in turn: one ends cleanly, the next one dies
      for (const [k, machine] of there.slice(workers).entries()) {
        yield* k % 2 === 0
          ? network.stop(machine)
          : network.kill(machine)
      }
    })
})
