// Waiting for the n-th of something without sleeping.

/** Hands out a promise for the n-th item of a growing list. */
export interface Arrivals<Item> {
  readonly items: Item[]
  add(item: Item): void
  /** The n-th item, counted from 1, now or when it comes. */
  nth(n: number): Promise<Item>
}

/** A list whose items can be awaited by their number. */
export function arrivals<Item>(): Arrivals<Item> {
  const items: Item[] = []
  const waiting = new Map<number, ((item: Item) => void)[]>()
  return {
    items,
    add: (item) => {
      const n = items.push(item)
      for (const resolve of waiting.get(n) ?? []) resolve(item)
      waiting.delete(n)
    },
    nth: (n) => {
      const item = items[n - 1]
      if (item !== undefined) return Promise.resolve(item)
      return new Promise((resolve) => waiting.set(n, [...(waiting.get(n) ?? []), resolve]))
    }
  }
}

/** Polls a condition that no event tells of; rejects with `what` after `withinMs`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 5000) {
  const deadline = Date.now() + withinMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Rejects when the promise has not settled in time, so that a hang names what it waited for. */
export async function within<T>(what: string, promise: Promise<T>, ms = 5000): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves when a figure that is more than 0 has stopped to change. */
export async function settled(figure: () => number, withinMs = 30_000): Promise<void> {
  let last = -1
  let still = 0
  const stopped = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    still = figure() === last ? still + 1 : 0
    last = figure()
    return still > 15 && last > 0
  }
  await until('it has stopped', stopped, withinMs)
}
