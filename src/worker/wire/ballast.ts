/**
 * Ballast that makes V8 collect shared memory.
 *
 * The garbage collector does not count shared memory. Without ballast, the arrays of about a hundred runs stay in
 * memory before the first is collected (100 MB a run, 2.8 GB after 24 runs). So both sides hold an `ArrayBuffer` of the
 * same size with it, which the collector counts. It is never touched, so it takes address space but hardly any memory.
 */

/** Makes ballast for some bytes of shared memory. Hold it as long as the memory. */
export const ballast = (bytes: number): ArrayBuffer => new ArrayBuffer(Math.min(bytes, heaviest))

/** Size in bytes that suffices to make the collector run. */
const heaviest = 2 ** 27
