// What build/examples/cluster.js is the edge of: each answer is a new one, and fresh for an hour.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Starts it and gives its address. It ends with its process, which it does not hold up. */
export async function startBackend(): Promise<string> {
  let asked = 0
  const backend = createServer((_, response) => {
    response.setHeader('cache-control', 'max-age=3600').end(`${++asked}\n`)
  })
  await once(backend.unref().listen(0, '127.0.0.1'), 'listening')
  const { port } = backend.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}
