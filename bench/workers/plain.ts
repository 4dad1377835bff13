/** Work of adjustable length: a number of rounds of square roots. The pools import this module too. */
const spin = (rounds: number): number => {
  let sum = 0
  for (let round = 0; round < rounds; round++) sum += Math.sqrt(round + sum)
  return sum
}

export { spin as default }
