// Rows of the matrix: plugins with routes, parsers and sockets of their own beside ours.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import { connected, echoed } from '../e2e/socket'
import { get } from '../support/http-client'
import { tempDir } from '../support/temp-dir'
import type { Cell, Neighbour } from './cell'

interface Posted {
  readonly type: string
  readonly body: Buffer
}

const FORM: Posted = {
  type: 'application/x-www-form-urlencoded',
  body: Buffer.from('a=1&b=%C3%A9+x&a=2&broken=%zz')
}

const PARTS: Posted = {
  type: 'multipart/form-data; boundary=xyz',
  body: Buffer.from(
    '--xyz\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n' +
      '--xyz\r\ncontent-disposition: form-data; name="f"; filename="f.bin"\r\n\r\n\x00\r\n\xff\r\n--xyz--\r\n',
    'latin1'
  )
}

/** On our routes the content is the upstream's, byte for byte; on the app's it is parsed. */
async function verifyPosts({ kind, scene, ask }: Cell, { type, body }: Posted): Promise<void> {
  await ask()
  const post = (path: string) =>
    get(scene.edge.url + path, { method: 'POST', headers: { 'Content-Type': type }, body })
  assert.deepEqual((await post('/own/form')).json(), { a: '1' })
  // A handshake is a GET: what can be posted to its path goes to the same server as an ordinary request.
  const before = scene.origin.requests.length
  const answered = await post(`${kind.path(0)}${kind.path(0).includes('?') ? '&' : '?'}post`)
  assert.equal(answered.status, kind.post ?? 200)
  if (kind.post !== 200) {
    assert.equal(scene.origin.requests.length, before)
    return
  }
  const reached = scene.origin.requests[before]
  assert.equal(reached?.headers['content-type'], type)
  assert.ok(reached?.body.buffer.equals(body), 'byte for byte')
}

const FORMBODY: Neighbour = {
  name: 'formbody',
  open: () => ({
    register: async (app) => {
      await app.register(formbody)
      app.post('/own/form', async ({ body }) => ({
        a: (body as { b: string }).b === 'é x' ? '1' : 'not parsed'
      }))
    },
    check: (cell) => verifyPosts(cell, FORM)
  })
}

const MULTIPART: Neighbour = {
  name: 'multipart',
  open: () => ({
    register: async (app) => {
      await app.register(multipart, { attachFieldsToBody: 'keyValues' })
      app.post('/own/form', async ({ body }) => ({ a: (body as { a: string }).a }))
    },
    check: (cell) => verifyPosts(cell, PARTS)
  })
}

const STATIC: Neighbour = {
  name: 'static',
  open: (t) => ({
    register: (app) => {
      const root = tempDir(t)
      writeFileSync(join(root, 'own.txt'), 'of the app')
      return app.register(fastifyStatic, { root, prefix: '/public/' })
    },
    check: async (cell) => {
      await cell.ask()
      const own = await cell.own('/public/own.txt', { Range: 'bytes=0-1' })
      assert.deepEqual([own.status, own.text], [206, 'of'])
      assert.equal((await cell.own('/public/none.txt')).status, 404)
      await cell.ask()
    }
  })
}

const SWAGGER: Neighbour = {
  name: 'swagger + swagger-ui',
  onRoute: true,
  open: () => ({
    register: async (app) => {
      await app.register(swagger, { openapi: { info: { title: 'own', version: '1' } } })
      await app.register(swaggerUi, { routePrefix: '/documentation' })
      app.get('/own/described', { schema: { summary: 'described' } }, async () => 'ok')
    },
    check: async (cell) => {
      await cell.ask()
      const page = await cell.own('/documentation')
      assert.equal(page.status, 200)
      assert.match(page.text, /swagger-ui/i)
      const script = await cell.own('/documentation/static/swagger-ui.css')
      assert.equal(script.status, 200)
      const { paths } = (await cell.own('/documentation/json')).json<{ paths: object }>()
      assert.deepEqual(Object.keys(paths), ['/own/described'], 'the app’s own routes, and nothing else')
    }
  })
}

const WEBSOCKET: Neighbour = {
  name: 'websocket',
  open: () => ({
    register: async (app: FastifyInstance) => {
      await app.register(websocket)
      await app.register(async (child) => {
        child.get('/own/socket', { websocket: true }, (socket: WebSocket) => {
          socket.on('message', (data) => socket.send(`own ${String(data)}`))
        })
      })
    },
    check: async (cell) => {
      await cell.ask()
      const own = await connected(cell.t, `${cell.scene.edge.url}/own/socket`)
      assert.equal((await echoed(own, 'x')).toString(), 'own x')
      await cell.ask()
    }
  })
}

/** These rows. */
export const ROUTE_PLUGINS: readonly Neighbour[] = [MULTIPART, FORMBODY, STATIC, WEBSOCKET, SWAGGER]
