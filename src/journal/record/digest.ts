/**
 * Digests of texts.
 */

/** The part of `node:crypto` that is used here. */
interface Crypto {
  readonly hash: (algorithm: string, data: string, encoding: "hex") => string
}

let found: Crypto | undefined

/** Returns the module of the platform that hashes synchronously. Only Node.js, Bun and Deno have one. */
const crypto = (): Crypto => {
  if (found === undefined) {
    const { process } = globalThis as {
      readonly process?: { readonly getBuiltinModule?: (name: string) => unknown }
    }
    found = process?.getBuiltinModule?.("node:crypto") as Crypto | undefined
    if (found === undefined) {
      throw new Error("this platform has no synchronous hash function: give the inputs keys (journal.key)")
    }
  }
  return found
}

/** Returns the first 128 bits of the SHA-256 of a text, as 32 characters. */
export const digest = (text: string): string => crypto().hash("sha256", text, "hex").slice(0, 32)
