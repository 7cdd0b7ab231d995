// What an app does with the package, whoever runs it: forwards, caches, guards, serves files, limits, tunnels.
const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { createServer, request } = require('node:http')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/** What must come back. */
exports.EXPECTED = {
  forwarded: '200 GET /v1/users?page=2 for 127.0.0.1',
  posted: '200 POST /v1/orders {"a":1}',
  cached: ['MISS', 'HIT', 'MISS'],
  purged: 1,
  asset: '200 public, max-age=31536000, immutable',
  guarded: [403, 403, 400],
  limited: [200, 429],
  refused: 502,
  tunnel: '101 hello',
  own: 'the own route'
}

/** The backend: says what it was asked, and accepts upgrades. */
exports.startOrigin = async () => {
  const server = createServer((message, response) => {
    let body = ''
    message.on('data', (chunk) => {
      body += chunk
    })
    message.on('end', () => {
      const from = body === '' ? `for ${message.headers['x-forwarded-for']}` : body
      response.setHeader('content-type', 'text/plain').end(`${message.method} ${message.url} ${from}`)
    })
  })
  server.on('upgrade', (_, socket) => {
    socket
      .on('error', () => {})
      .on('end', () => socket.end())
      .resume()
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n')
    socket.write('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05hello')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections())
  }
}

/** A folder with one asset. */
exports.makeFolder = () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-journey-'))
  mkdirSync(join(root, 'assets'))
  writeFileSync(join(root, 'assets', 'app.js'), 'export {}\n')
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) }
}

/** One registration with a route for each feature, and all else to the backend. */
exports.optionsFor = (origin, root) => ({
  upstreams: { app: origin.url, away: 'http://127.0.0.1:1' },
  caches: { pages: { memory: '1m' } },
  routes: [
    { prefix: '/api', upstream: 'app', rewritePrefix: '/v1' },
    { prefix: '/pages', upstream: 'app', cache: { zone: 'pages', valid: { 200: '60s' } } },
    { prefix: '/assets', static: { root: join(root, 'assets'), expires: '1y', immutable: true } },
    { prefix: '/admin', upstream: 'app', access: [{ deny: 'all' }] },
    { prefix: '/limited', upstream: 'app', rateLimit: { rate: '1r/m' } },
    { prefix: '/away', upstream: 'away' },
    { prefix: '/ws', upstream: 'app', websocket: true },
    { prefix: '/', upstream: 'app' }
  ]
})

/** Asks for everything once; `app` is the Fastify instance, `url` where it listens. */
exports.travel = async (app, url) => {
  const page = async () => (await ask(`${url}/pages/1`)).headers['x-cache-status']
  const api = await ask(`${url}/api/users?page=2`)
  const posted = await ask(`${url}/api/orders`, {
    method: 'POST',
    body: '{"a":1}',
    headers: { 'content-type': 'application/json' }
  })
  const cached = [await page(), await page()]
  const { removed: purged } = await app.sluice.purge({ url: `${url}/pages/1` })
  const asset = await ask(`${url}/assets/app.js`)
  return {
    forwarded: `${api.status} ${api.text}`,
    posted: `${posted.status} ${posted.text}`,
    cached: [...cached, await page()],
    purged,
    asset: `${asset.status} ${asset.headers['cache-control']}`,
    guarded: await statuses(url, ['/admin/x', '/%61dmin', 'HTTP://HOST/admin']),
    limited: await statuses(url, ['/limited', '/limited']),
    refused: (await ask(`${url}/away`)).status,
    tunnel: await tunnel(`${url}/ws`),
    own: (await ask(`${url}/own`)).text
  }
}

async function statuses(url, paths) {
  const found = []
  for (const path of paths) found.push((await ask(url, { path: path.replace('HOST', url.slice(7)) })).status)
  return found
}

function ask(url, { method = 'GET', body, headers, path } = {}) {
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: false, ...(path && { path }) }
    const sent = request(url, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }))
    })
    sent.on('error', reject).end(body)
  })
}

/** Opens a WebSocket by hand, reads its first message and leaves. */
function tunnel(url) {
  return new Promise((resolve, reject) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
    }
    const sent = request(url, { headers, agent: false })
    sent.on('error', reject)
    sent.on('response', (response) => reject(new Error(`no upgrade: ${response.statusCode}`)))
    sent.on('upgrade', (response, socket, head) => {
      let text = head.toString('latin1')
      const read = () => {
        if (!text.endsWith('hello')) return
        socket.destroy()
        resolve(`${response.statusCode} hello`)
      }
      socket.on('error', reject).on('data', (chunk) => {
        text += chunk.toString('latin1')
        read()
      })
      read()
    })
    sent.end()
  })
}
