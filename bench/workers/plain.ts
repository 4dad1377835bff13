/** Work that takes as long as it is told: square roots, so many rounds of them. Also the module that the pools import. */
const spin = (rounds: number): number => {
  let sum = 0
  for (let round = 0; round < rounds; round++) sum += Math.sqrt(round + sum)
  return sum
}

export { spin as default }
