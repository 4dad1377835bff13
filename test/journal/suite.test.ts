import { Layer } from "effect"
import { Journal } from "effect-parallel"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import { journalSuite } from "effect-parallel/testing"
import { KeyValueStore } from "effect/persistence"
import { layerBackingKvs, layerBackingMemory } from "effect/persistence/Persistence"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "effect-parallel-journal-"))
afterAll(() => rmSync(folder, { recursive: true }))

journalSuite("Journal.layerMemory", Journal.layerMemory)
journalSuite("Sqlite.layer", Sqlite.layer({ path: join(folder, "suite.db") }), { lasting: true })
journalSuite("Journal.layerPersistence in memory", Journal.layerPersistence().pipe(Layer.provide(layerBackingMemory)))
journalSuite(
  "Journal.layerPersistence over keys and values",
  Journal.layerPersistence().pipe(Layer.provide(layerBackingKvs), Layer.provide(KeyValueStore.layerMemory))
)
