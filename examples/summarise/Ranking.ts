/**
 * Which sentence of a text stands for the others.
 *
 * LexRank (Erkan and Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text Summarization", JAIR 22, 2004),
 * the variant without a threshold: sentences recommend each other as much as they share rare words, and a sentence is
 * as central as those that recommend it. What the random surfer of PageRank does when it jumps leans to the beginning
 * of the text, as in PositionRank (Florescu and Caragea, ACL 2017): what a text is about is said early.
 */

/** How often the surfer follows a recommendation, and not jumps: 0.85, as in PageRank and LexRank. */
const damping = 0.85

/** The surfer stops when a step moves less than this share of it, or after so many steps. */
const precision = 1e-6
const steps = 100

/** How much of a text one sentence can say: fewer words say too little, more are a list or an unpunctuated page. */
const length = { least: 6, most: 40 }

/**
 * The index of the sentence that says best what the text is about.
 *
 * **Details**
 *
 * `sentences` holds the words of each sentence, in lower case, and at least one sentence; `isEligible` says which may
 * be chosen. Of those, sentences of 6 to 40 words go before others. The same text gives the same index. The cost grows
 * with the square of the number of sentences at worst; 500 take about 20 ms.
 */
export const best = (
  sentences: ReadonlyArray<ReadonlyArray<string>>,
  isEligible: (index: number) => boolean
): number => {
  const ranks = centrality(sentences)
  const fits = (index: number) => {
    const words = sentences[index]!.length
    return words >= length.least && words <= length.most
  }
  const worth = (index: number) => ranks[index]! + (fits(index) ? 1 : 0) + (isEligible(index) ? 2 : 0)
  let chosen = 0
  for (let index = 1; index < sentences.length; index++) if (worth(index) > worth(chosen)) chosen = index
  return chosen
}

/** How central each sentence is: what LexRank gives it, all together 1. */
export const centrality = (sentences: ReadonlyArray<ReadonlyArray<string>>): Float64Array =>
  surf(similarities(weights(sentences), sentences.length), jumps(sentences.length))

/** For each word, the sentences it is in and what it weighs there: tf-idf, over the length of the sentence's vector. */
const weights = (sentences: ReadonlyArray<ReadonlyArray<string>>): Iterable<ReadonlyMap<number, number>> => {
  const places = new Map<string, Map<number, number>>()
  const squares = new Float64Array(sentences.length)
  sentences.forEach((words, index) => {
    for (const word of words) {
      const place = places.get(word) ?? new Map<number, number>()
      places.set(word, place.set(index, (place.get(index) ?? 0) + 1))
    }
  })
  for (const place of places.values()) {
    const rarity = Math.log(sentences.length / place.size)
    for (const [index, count] of place) {
      place.set(index, count * rarity)
      squares[index]! += (count * rarity) ** 2
    }
  }
  for (const place of places.values()) {
    for (const [index, weight] of place) place.set(index, weight / Math.sqrt(squares[index]! || 1))
  }
  return places.values()
}

/** The cosine between every two sentences, row by row; 0 between a sentence and itself. */
const similarities = (words: Iterable<ReadonlyMap<number, number>>, count: number): ReadonlyArray<Float64Array> => {
  const rows = Array.from({ length: count }, () => new Float64Array(count))
  for (const place of words) {
    if (place.size === count) continue
    for (const [index, weight] of place) {
      const row = rows[index]!
      for (const [other, its] of place) if (other !== index) row[other]! += weight * its
    }
  }
  return rows
}

/** Where the surfer jumps to: the n-th sentence is 1/n as likely as the first. */
const jumps = (count: number): Float64Array => {
  const all = Float64Array.from({ length: count }, (_, index) => 1 / (index + 1))
  const sum = all.reduce((sum, one) => sum + one, 0)
  return all.map((one) => one / sum)
}

/** The power method: where a surfer is found who follows similarities, and jumps where there are none. */
const surf = (rows: ReadonlyArray<Float64Array>, jump: Float64Array): Float64Array => {
  const sums = rows.map((row) => row.reduce((sum, one) => sum + one, 0))
  let ranks = jump
  for (let step = 0, moved = 1; step < steps && moved > precision; step++) {
    const next = new Float64Array(jump.length)
    let jumping = 1 - damping
    rows.forEach((row, index) => {
      const share = damping * ranks[index]!
      if (sums[index] === 0) jumping += share
      else for (let other = 0; other < row.length; other++) next[other]! += share * row[other]! / sums[index]!
    })
    moved = 0
    jump.forEach((one, index) => {
      next[index]! += jumping * one
      moved += Math.abs(next[index]! - ranks[index]!)
    })
    ranks = next
  }
  return ranks
}
