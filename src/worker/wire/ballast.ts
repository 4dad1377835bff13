/**
 * Weight that makes V8 collect shared memory.
 *
 * Shared memory has no weight for the garbage collector. Without ballast the arrays of about a hundred runs stay in
 * memory before the first is collected (100 MB a run, 2.8 GB after 24 runs). Both sides therefore hold an `ArrayBuffer`
 * of the same size with it, which has weight. It is never touched, so it takes address space and hardly any memory.
 */

/** Makes ballast for some bytes of shared memory; hold it as long as the memory. */
export const ballast = (bytes: number): ArrayBuffer => new ArrayBuffer(Math.min(bytes, heaviest))

/** Size in bytes that is enough to make the collector run. */
const heaviest = 2 ** 27
