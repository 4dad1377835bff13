/** Returns the integers from 0 up to `length`, without it: the inputs of most cases. */
export const range = (length: number): Array<number> => Array.from({ length }, (_, i) => i)
