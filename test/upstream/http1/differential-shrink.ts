// The smallest reproduction that leaving out finds.

type Fails = (bytes: Buffer) => Promise<boolean>

const MOST_TRIES = 5000

/** Leaves out ever smaller parts as long as `fails` still says yes. */
export async function shrunk(bytes: Buffer, fails: Fails): Promise<Buffer> {
  let tries = MOST_TRIES
  const still: Fails = async (less) => tries-- > 0 && (await fails(less))
  let smallest = bytes
  for (let before = bytes.length + 1; smallest.length < before; ) {
    before = smallest.length
    for (let size = before >> 1; size > 0; size >>= 1) smallest = await without(smallest, size, still)
  }
  return smallest
}

async function without(bytes: Buffer, size: number, fails: Fails): Promise<Buffer> {
  let kept = bytes
  for (let at = 0; at < kept.length; ) {
    const less = Buffer.concat([kept.subarray(0, at), kept.subarray(at + size)])
    if (await fails(less)) kept = less
    else at += size
  }
  return kept
}
