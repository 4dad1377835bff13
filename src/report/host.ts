/**
 * The machine and the versions that a run used, for readers of its report.
 */
import * as Version from "effect/Version"
import { version } from "../primitives/version.ts"

/** The parts of `process` and `navigator`, of Node.js and other platforms, that are reported. */
interface HostGlobals {
  readonly process?: {
    readonly versions?: Readonly<Record<string, string | undefined>>
    readonly platform?: string
    readonly arch?: string
  }
  readonly navigator?: { readonly hardwareConcurrency?: number; readonly userAgent?: string }
}

/** Returns the known facts, by name. */
export const host = (): Readonly<Record<string, string>> => {
  const { navigator, process } = globalThis as HostGlobals
  const node = process?.versions?.["node"]
  const cores = navigator?.hardwareConcurrency
  return {
    "effect-parallel": version,
    effect: Version.getCurrentVersion(),
    ...(node !== undefined
      ? { "Node.js": node }
      : navigator?.userAgent !== undefined && { platform: navigator.userAgent }),
    ...(process?.platform !== undefined && { system: `${process.platform} ${process.arch ?? ""}`.trim() }),
    ...(cores !== undefined && { cores: String(cores) })
  }
}
