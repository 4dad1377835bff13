import * as Processes from "effect-parallel/backend/Processes"
import { suite } from "effect-parallel/testing"

suite("Processes", Processes.layer({ workers: 2, grace: "200 millis" }), { isolated: true })
