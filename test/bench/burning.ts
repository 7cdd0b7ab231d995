// An app that computes: for 40 ms, whenever it is told to. As a program of its own it is told by messages.

/** Five times a second this is a fifth of a core. */
const BURN_MS = 40
/** From the begin of one piece to that of the next. */
export const BURN_EVERY_MS = 200

/** Keeps the loop of this process. */
export function burn(): void {
  const end = performance.now() + BURN_MS
  while (performance.now() < end);
}

if (require.main === module) process.on('message', burn)
