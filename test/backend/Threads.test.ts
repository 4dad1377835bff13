import * as Threads from "effect-parallel/backend/Threads"
import { suite } from "effect-parallel/testing"

suite("Threads", Threads.layer({ workers: 2, grace: "200 millis" }), { isolated: true })
