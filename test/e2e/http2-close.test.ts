// The end of an app with HTTP/2 clients: nginx's graceful quit.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { startOrigin } from '../support/origin'
import { within } from '../support/waiting'

// As users have it: the tests' own default would force every connection closed.
const fastify = { http2: true, forceCloseConnections: undefined }

test('quit: closing the app does not wait for idle HTTP/2 clients', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, { fastify })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  assert.equal((await client.get('/')).status, 200)
  await within('the app has closed', edge.close())
})

test('quit: an HTTP/2 stream that is open ends in peace', async (t) => {
  let finish = (): void => {}
  const origin = await startOrigin((_, response) => {
    response.write('first ')
    finish = () => response.end('last')
  })
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, { fastify })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  const stream = client.open('/')
  stream.setEncoding('utf8')
  let text = ''
  stream.on('data', (chunk: string) => {
    text += chunk
  })
  await once(stream, 'data')
  const goaway = once(client.session, 'goaway')
  const closing = edge.close()
  await goaway
  finish()
  await once(stream, 'end')
  assert.equal(text, 'first last')
  await within('the app has closed', closing)
})
