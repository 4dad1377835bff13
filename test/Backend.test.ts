import { Layer } from "effect"
import { Backend } from "effect-parallel"
import { suite } from "effect-parallel/testing"

suite("Backend.async", Layer.succeed(Backend.Backend, Backend.async), { virtual: true, concurrent: true })
