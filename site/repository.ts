/** Where the project is kept. */
export const repository = "https://github.com/effect-parallel/effect-parallel"
