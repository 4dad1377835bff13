/**
 * The task: hashes a password with scrypt, which is slow on purpose.
 */
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { scryptSync } from "node:crypto"

export const hash = Task.make("hash", {
  module: import.meta.url,
  payload: Schema.Struct({ user: Schema.String, password: Schema.String }),
  success: Schema.Struct({ user: Schema.String, hash: Schema.Uint8Array }),
  run: ({ password, user }) => Effect.sync(() => ({ user, hash: scryptSync(password, user, 32) }))
})
