// node build/examples/unix-socket.js, then: curl -i URL/   the backend listens on a unix socket, connections are kept.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-unix-'))
  const socket = join(folder, 'app.sock')
  const backend = Fastify()
  backend.get('/*', async ({ headers }) => ({ host: headers.host }))
  await backend.listen({ path: socket })

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: { servers: [`unix:${socket}`], keepalive: 16 } }, // server unix:/run/app.sock; keepalive 16;
      routes: [{ prefix: '/', upstream: 'app' }]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  process.once('SIGTERM', () => process.exit())
  process.once('SIGINT', () => process.exit())
}

main()
