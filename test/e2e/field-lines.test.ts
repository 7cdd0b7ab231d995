// Several lines of one field in an upstream's answer, of every name that node:http2 knows: no client's protocol makes them fatal.
import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { replies, startScript } from '../support/script-server'
import { bothProtocols } from './protocols'

/** Framing is judged before, and a Connection line names other fields. */
const OTHERS = ['content-length', 'transfer-encoding', 'connection']

const NAMES = Object.entries(constants as Record<string, unknown>)
  .filter(([constant, name]) => constant.startsWith('HTTP2_HEADER_') && !String(name).startsWith(':'))
  .map(([, name]) => String(name))
  .filter((name) => !OTHERS.includes(name))

const twice = (name: string, value: string): string => `${name}: ${value}\r\n${name}: ${value}\r\n`

bothProtocols('two lines of any field neither fail the request nor end the process', async (t, start) => {
  const lines = NAMES.map((name) => twice(name, '1')).join('')
  const early = `HTTP/1.1 103 Early Hints\r\n${lines}\r\n`
  const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${lines}\r\n`
  const upstream = await startScript(replies(`${early}${head}4\r\nbody\r\n0\r\n${lines}\r\n`))
  t.after(upstream.close)
  const { ask } = await start({ prefix: '/', upstream: upstream.url })
  for (let n = 0; n < 2; n++) {
    const answer = await ask('/')
    assert.deepEqual([answer.status, answer.text], [200, 'body'])
    assert.equal(answer.headers['content-type'], '1')
    assert.equal(answer.headers['content-language'], '1, 1')
  }
})

bothProtocols('headers.response: a line appended to a field that stands alone', async (t, start) => {
  const upstream = await startScript(
    replies('HTTP/1.1 200 OK\r\nContent-Language: de\r\nContent-Length: 2\r\n\r\nok')
  )
  t.after(upstream.close)
  const response = { 'content-language': { append: 'en' } }
  const { ask } = await start({ prefix: '/', upstream: upstream.url, headers: { response } })
  const answer = await ask('/')
  assert.deepEqual([answer.status, answer.headers['content-language']], [200, 'de, en'])
})
