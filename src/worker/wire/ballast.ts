/**
 * Weight that makes V8 collect shared memory.
 *
 * Shared memory counts for nothing with the collector: without ballast it leaves the arrays of a hundred runs where they
 * are before it collects the first (100 MB a run, 2.8 GB after 24 runs). Both sides therefore hold an `ArrayBuffer` of the
 * same size beside it, which counts. Nobody touches that, so it is address space and hardly memory.
 */

/** Makes ballast for so many bytes of shared memory, to be held for as long as that. */
export const ballast = (bytes: number): ArrayBuffer => new ArrayBuffer(Math.min(bytes, heaviest))

/** Enough for the collector to look, in bytes. */
const heaviest = 2 ** 27
