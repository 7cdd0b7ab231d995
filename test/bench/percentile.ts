// Order statistics. PURE.

/** The value below which a part (0 to 1) of the values lie, between neighbours in proportion; NaN when there are none. */
export function percentileOf(values: readonly number[]): (part: number) => number {
  const sorted = values.toSorted((a, b) => a - b)
  return (part) => {
    const place = (sorted.length - 1) * part
    const low = sorted[Math.floor(place)] ?? Number.NaN
    const high = sorted[Math.ceil(place)] ?? Number.NaN
    return low + (high - low) * (place - Math.floor(place))
  }
}

export function median(values: readonly number[]): number {
  return percentileOf(values)(0.5)
}
