/** True if a module is imported by a worker, not by a test. Tests set this variable for their workers. */
export const inWorker = process.env["IN_WORKER"] === "yes"
