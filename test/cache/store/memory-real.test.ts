// What the memory tier counts against what it costs, measured in a process of its own: `node --expose-gc`.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { createMemoryStore } from '../../../src/cache/store/memory'
import { bytesOf, headOf } from './support'

const COUNT = 100_000
const FIELDS = {
  bare: {},
  usual: {
    etag: '"5f3a-61b2c4d5"',
    'cache-control': 'public, max-age=600',
    'last-modified': 'Tue, 14 Nov 2023 22:00:00 GMT',
    vary: 'accept-encoding',
    'x-request-id': '0af7651916cd43dd8448eb211c80319c'
  }
}

interface Measured {
  readonly counted: number
  readonly real: number
}

function used(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function measure(kind: keyof typeof FIELDS, size: number): Promise<Measured> {
  const store = createMemoryStore({ maxBytes: 2 ** 32, maxObjectBytes: 1 << 20 })
  const body = bytesOf(size)
  const before = used()
  for (let n = 0; n < COUNT; n++) {
    // Strings of their own, as the parser makes them.
    const head = JSON.parse(JSON.stringify(headOf(FIELDS[kind], 1_700_000_000_000 + n)))
    const writer = store.open(`u3:app4:http11:example.com${n}:/path/of/a/page/${n}`, head, size)
    writer?.write(body)
    await writer?.commit()
  }
  const real = used() - before
  return { counted: store.stats().bytes, real }
}

const [kind, size] = process.argv.slice(2)
if (kind !== undefined && size !== undefined) {
  measure(kind as keyof typeof FIELDS, Number(size)).then((measured) =>
    process.stdout.write(JSON.stringify(measured))
  )
} else {
  for (const [kind, size] of [
    ['bare', 0],
    ['bare', 100],
    ['usual', 100],
    ['usual', 1_000]
  ] as const) {
    test(`${COUNT} responses, ${kind} fields, ${size} bytes: counted within 1.3 of what they cost`, (t) => {
      const args = ['--expose-gc', '--max-old-space-size=2048', __filename, kind, String(size)]
      const env = { ...process.env, NODE_TEST_CONTEXT: '' }
      const { counted, real }: Measured = JSON.parse(execFileSync(process.execPath, args, { env }).toString())
      const ratio = real / counted
      t.diagnostic(
        `counted ${Math.round(counted / COUNT)}, real ${Math.round(real / COUNT)} bytes each: ${ratio.toFixed(2)}`
      )
      assert.ok(ratio < 1.3 && ratio > 1 / 1.3, `real/counted ${ratio.toFixed(2)}`)
    })
  }
}
