/**
 * Typed concurrency for Effect: runs one effect over many inputs, bounded, retried and timed out, on fibers, threads or
 * processes, and gives a typed account of every one.
 *
 * @since 0.1.0
 */
export * as Backend from "./Backend.ts"
export * as BatchFlow from "./BatchFlow.ts"
export * as BatchNode from "./BatchNode.ts"
export * as Example from "./Example.ts"
export * as Flow from "./Flow.ts"
export * as Journal from "./Journal.ts"
export * as Limit from "./Limit.ts"
export * as Node from "./Node.ts"
export * as Outcome from "./Outcome.ts"
export * as Parallel from "./Parallel.ts"
export * as Progress from "./Progress.ts"
export * as Report from "./Report.ts"
export * as Task from "./Task.ts"
