// PURE. The known name that a wrong one probably stands for, for messages about options.

/** `, did you mean "upstream"?` when a known name is near enough to be meant, else nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = known
    .map((other) => ({ other, cost: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.cost - b.cost)[0]
  return near !== undefined && near.cost <= Math.max(1, Math.floor(name.length / 3))
    ? `, did you mean ${JSON.stringify(near.other)}?`
    : ''
}

/** Insertions, deletions and replacements between two texts. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const swap = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}
