// A deploy: two edges on one port, replaced again and again under load of keep-alive clients and tunnels. SLUICE_RESTARTS sets how often.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { within } from '../support/waiting'

/** Of one of the two each. */
const RESTARTS = Number(process.env.SLUICE_RESTARTS ?? 5)
const CLIENTS = 6
/** The load is to be there all the time, not to take the machine away from those that restart. */
const PAUSE_MS = 5
const TUNNELS = 3

async function startBackend(t: { after(end: () => void): void }): Promise<string> {
  const server = createServer((_, response) => response.end('ok'))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The text of the answer. As any client, it repeats what met a connection that was closed between two requests. */
function ask(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent }, async (response) => {
      let text = `${response.statusCode} `
      try {
        for await (const chunk of response) text += chunk
        resolve(text)
      } catch (error) {
        reject(error)
      }
    })
    sent.once('error', (error: NodeJS.ErrnoException) => {
      if (sent.reusedSocket && error.code === 'ECONNRESET') resolve(ask(url, agent))
      else reject(error)
    })
    sent.end()
  })
}

/** Talks until it is told to go, and how. */
async function talk(url: string, isDone: () => boolean): Promise<number> {
  const socket = new WebSocket(url.replace('http', 'ws'))
  let code = 0
  const closed = new Promise<void>((resolve) => {
    socket.once('close', (said) => {
      code = said
      resolve()
    })
  })
  await once(socket, 'open')
  for (let n = 0; code === 0; n++) {
    if (isDone()) socket.close(1000)
    else {
      socket.send(String(n))
      const echo = once(socket, 'message').catch(() => {})
      await Promise.race([echo, closed])
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return code
}

test('rolling restarts under load lose no request and no tunnel without a word', async (t) => {
  const upstream = await startBackend(t)
  const edges = fork(join(__dirname, 'rolling-edge.js'), [upstream])
  t.after(() => edges.kill('SIGKILL'))
  t.after(() => edges.disconnect())
  const [url] = (await within('the edges', once(edges, 'message'), 60_000)) as [string]
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.after(() => agent.destroy())
  let done = false
  let answers = 0
  const codes: number[] = []
  const bad: unknown[] = []
  const client = async () => {
    while (!done) {
      const text = await ask(url, agent).catch((error) => error)
      if (text === '200 ok') answers++
      else bad.push(text)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  const tunnel = async () => {
    while (!done) codes.push(await talk(url, () => done).catch((error) => bad.push(error)))
  }
  const load = [...Array.from({ length: CLIENTS }, client), ...Array.from({ length: TUNNELS }, tunnel)]
  for (let n = 0; n < RESTARTS; n++) {
    edges.send('restart')
    await within('a restart', once(edges, 'message'), 60_000)
  }
  done = true
  await within('the end of the load', Promise.all(load), 30_000)
  assert.deepEqual(bad, [])
  assert.ok(answers > RESTARTS)
  const told = codes.filter((code) => code === 1001).length
  assert.ok(told >= RESTARTS, `${told} tunnels were told 1001`)
  assert.deepEqual(
    codes.filter((code) => code !== 1001 && code !== 1000 && code !== 1005),
    []
  )
})
