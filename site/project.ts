/** What the project is, in one sentence. */
export const description =
  "Run one effect over many inputs, bounded, retried and timed out, on fibers, threads or processes, and get a typed "
  + "account of every one."

/** Where the project is kept. */
export const repository = "https://github.com/effect-parallel/effect-parallel"
