import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { errorRow, isSluiceError, sluiceError } from '../../src/errors'
import { type AuthVerdict, createAuth, type SendAuth } from '../../src/guard/auth'
import {
  type AuthRequestOptions,
  type ResolvedAuthRequest,
  resolveAuthRequest
} from '../../src/guard/options'
import { Abort } from '../../src/http/abort'
import type { Fields, UpstreamResponse } from '../../src/http/message'

const SUBJECT = { method: 'POST', target: '/private?x=%2F', fields: { host: 'example.com', cookie: 'sid=1' } }

/** An auth service on a real socket, the guard in front of it, and the connections that it was reached by. */
async function setup(t: TestContext, answer: RequestListener, options: Partial<AuthRequestOptions> = {}) {
  const questions: IncomingMessage[] = []
  const server = createServer((request, response) => {
    questions.push(request)
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const auth = createAuth(resolved(options), sender((server.address() as AddressInfo).port))
  return { auth, questions, server }
}

function resolved(options: Partial<AuthRequestOptions> = {}): ResolvedAuthRequest {
  return resolveAuthRequest({ upstream: 'auth', path: '/check', ...options }, 'a') as ResolvedAuthRequest
}

/** What the transport promises, in its shortest form. */
function sender(port: number): SendAuth {
  return ({ method, path, fields }, abort) =>
    new Promise((resolve, reject) => {
      const call = httpRequest({ host: '127.0.0.1', port, method, path, headers: fields, agent: false })
      abort.listen((reason) => call.destroy(reason))
      call.on('error', reject)
      call.on('response', (response) => {
        const answer: Fields = {}
        for (const [name, value] of Object.entries(response.headersDistinct)) {
          answer[name] = value?.length === 1 ? (value[0] as string) : (value ?? [])
        }
        resolve({ status: response.statusCode as number, fields: answer, body: response })
      })
      call.end()
    })
}

async function relayed(verdict: AuthVerdict): Promise<UpstreamResponse & { text: string }> {
  assert.equal(verdict.verdict, 'relay')
  const { response } = verdict as { response: UpstreamResponse }
  let text = ''
  for await (const chunk of response.body as AsyncIterable<Buffer>) text += String(chunk)
  return { ...response, text }
}

function failed(verdict: AuthVerdict) {
  assert.equal(verdict.verdict, 'error')
  const { error } = verdict as { error: Error }
  assert.ok(isSluiceError(error))
  return error
}

for (const status of [200, 201, 204, 299]) {
  test(`a ${status} answer lets the request pass`, async (t) => {
    const { auth } = await setup(t, (_, response) => response.writeHead(status).end())
    assert.deepEqual(await auth(SUBJECT, new Abort()), { verdict: 'pass', copied: {} })
  })
}

test('the question is a GET with the client’s fields and the original method and target', async (t) => {
  const { auth, questions } = await setup(t, (_, response) => response.end())
  await auth(SUBJECT, new Abort())
  const [question] = questions
  assert.equal(question?.method, 'GET')
  assert.equal(question?.url, '/check')
  assert.equal(question?.headers.host, 'example.com')
  assert.equal(question?.headers.cookie, 'sid=1')
  assert.equal(question?.headers['x-original-uri'], '/private?x=%2F')
  assert.equal(question?.headers['x-original-method'], 'POST')
})

test('fields about content, conditions and ranges are not asked, nor a spoofed original target', async (t) => {
  const { auth, questions } = await setup(t, (_, response) => response.end())
  const fields: Fields = {
    'content-length': '5',
    'content-type': 'text/plain',
    'content-encoding': 'gzip',
    'if-none-match': '"a"',
    'if-modified-since': 'Sat, 01 Jan 2000 00:00:00 GMT',
    'if-range': '"a"',
    range: 'bytes=0-1',
    expect: '100-continue',
    te: 'trailers',
    'x-original-uri': '/public',
    x_original_uri: '/public',
    'x-original-method': 'GET',
    authorization: 'Bearer t'
  }
  await auth({ method: 'PUT', target: '/private', fields }, new Abort())
  const { host, connection, ...asked } = questions[0]?.headers ?? {}
  assert.deepEqual(asked, {
    authorization: 'Bearer t',
    'x-original-uri': '/private',
    'x-original-method': 'PUT'
  })
  assert.equal(fields['content-length'], '5')
})

test('the named fields of the answer are copied, several lines as such, and no others', async (t) => {
  const { auth } = await setup(
    t,
    (_, response) => {
      response.setHeader('X-User-Id', '42')
      response.setHeader('X-Groups', ['a', 'b'])
      response.setHeader('X-Secret', 'no')
      response.end()
    },
    { copyHeaders: ['X-User-Id', 'X-Groups', 'X-Missing'] }
  )
  const verdict = await auth(SUBJECT, new Abort())
  assert.deepEqual(verdict, { verdict: 'pass', copied: { 'x-user-id': '42', 'x-groups': ['a', 'b'] } })
})

test('a refusal is relayed whole: status, several challenges and the body', async (t) => {
  const { auth } = await setup(t, (_, response) => {
    response.setHeader('WWW-Authenticate', ['Basic realm="a"', 'Bearer'])
    response.writeHead(401).end('who are you')
  })
  const { status, fields, text } = await relayed(await auth(SUBJECT, new Abort()))
  assert.equal(status, 401)
  assert.deepEqual(fields['www-authenticate'], ['Basic realm="a"', 'Bearer'])
  assert.equal(text, 'who are you')
})

test('a login redirect is relayed with its cookies', async (t) => {
  const { auth } = await setup(t, (_, response) => {
    response.setHeader('Set-Cookie', ['a=1', 'b=2'])
    response.writeHead(302, { location: 'https://login.example/' }).end()
  })
  const { status, fields } = await relayed(await auth(SUBJECT, new Abort()))
  assert.equal(status, 302)
  assert.equal(fields.location, 'https://login.example/')
  assert.deepEqual(fields['set-cookie'], ['a=1', 'b=2'])
})

test('a 500 answer is relayed too', async (t) => {
  const { auth } = await setup(t, (_, response) => response.writeHead(500).end('broken'))
  assert.equal((await relayed(await auth(SUBJECT, new Abort()))).status, 500)
})

test('a service that cannot be reached is the status of onError, with the facts of the failure', async () => {
  const refused = sluiceError('SLUICE_CONNECT_FAILED', {
    server: 'http://127.0.0.1:9',
    phase: 'connect',
    errno: 'ECONNREFUSED'
  })
  const auth = createAuth(resolved({ onError: 500 }), () => Promise.reject(refused))
  const error = failed(await auth(SUBJECT, new Abort()))
  assert.equal(error.code, 'SLUICE_AUTH_UNAVAILABLE')
  assert.equal(error.statusCode, 500)
  assert.equal(error.cause, refused)
  assert.equal(error.server, 'http://127.0.0.1:9')
  assert.equal(error.errno, 'ECONNREFUSED')
  assert.equal(errorRow('SLUICE_AUTH_UNAVAILABLE').status, 503)
})

test('a sender that throws is an error verdict, not a rejection', async () => {
  const auth = createAuth(resolved(), () => {
    throw new TypeError('bad field')
  })
  assert.equal(failed(await auth(SUBJECT, new Abort())).statusCode, 503)
})

test('a service that does not answer in time is cut off', async (t) => {
  const { auth, questions } = await setup(t, () => undefined, { timeout: '50ms' })
  const error = failed(await auth(SUBJECT, new Abort()))
  assert.equal(error.code, 'SLUICE_AUTH_UNAVAILABLE')
  assert.equal((error.cause as { code: string }).code, 'SLUICE_READ_TIMEOUT')
  await letGo(questions)
})

test('a client that leaves ends the question and is not answered with onError', async (t) => {
  const client = new Abort()
  const left = sluiceError('SLUICE_CLIENT_CLOSED')
  const { auth, questions } = await setup(t, () => client.abort(left))
  assert.equal(failed(await auth(SUBJECT, client)), left)
  await letGo(questions)
})

test('nothing is asked for a client that has left before', async (t) => {
  const { auth, questions } = await setup(t, (_, response) => response.end())
  const client = new Abort()
  const left = sluiceError('SLUICE_CLIENT_CLOSED')
  client.abort(left)
  assert.equal(failed(await auth(SUBJECT, client)), left)
  assert.equal(questions.length, 0)
})

test('after the verdict the life line is free for the next phase', async (t) => {
  const { auth } = await setup(t, (_, response) => response.writeHead(403).end('no'))
  const client = new Abort()
  const verdict = await auth(SUBJECT, client)
  client.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  assert.equal((await relayed(verdict)).text, 'no')
})

test('an endless 2xx answer passes at once and does not hold its connection', async (t) => {
  const { auth, questions } = await setup(t, (_, response) => {
    const more = (error?: Error | null): void => {
      if (!error && !response.destroyed) response.write(Buffer.alloc(16_384), more)
    }
    response.on('error', () => undefined)
    more()
  })
  assert.equal((await auth(SUBJECT, new Abort())).verdict, 'pass')
  await letGo(questions)
})

test('a 2xx answer that never ends is let go after the timeout', async () => {
  const body = new PassThrough()
  const auth = createAuth(resolved({ timeout: '20ms' }), async () => ({ status: 200, fields: {}, body }))
  assert.equal((await auth(SUBJECT, new Abort())).verdict, 'pass')
  assert.equal(body.destroyed, false)
  // The guard's own timer does not keep a process alive, the wait here does.
  const alive = setInterval(() => undefined, 1000)
  await once(body, 'close')
  clearInterval(alive)
})

/** Resolves when the connection of the first question is closed, by whatever end. */
async function letGo([question]: IncomingMessage[]): Promise<void> {
  const socket = question?.socket
  if (socket && !socket.destroyed) await new Promise((resolve) => socket.once('close', resolve))
}
