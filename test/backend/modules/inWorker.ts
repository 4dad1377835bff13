/** Whether a module is imported by a worker, and not by a test: the tests tell their workers by this variable. */
export const inWorker = process.env["IN_WORKER"] === "yes"
