import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { diagnose, diagnoseAnswer, explain, FAULTS, type Places } from '../../src/proxy/diagnosis'

const GROUP = {
  optionPath: 'upstreams.app',
  serverPaths: new Map([['http://b:81', 'upstreams.app.servers[1]']])
}
const NAMED: Places = { prefix: 'routes[2].', upstream: GROUP, urlOption: 'upstream' }
const URL_ON_ROUTE: Places = {
  prefix: '',
  upstream: { optionPath: undefined, serverPaths: new Map() },
  urlOption: 'upstream'
}
const refused = (server: string) =>
  ({ code: 'SLUICE_CONNECT_FAILED', errno: 'ECONNREFUSED', server }) as const

test('an option is named by its own path', () => {
  const option = (code: Parameters<typeof diagnose>[0]['code'], server: string, places: Places) =>
    diagnose({ ...refused(server), code }, places)?.option
  assert.equal(option('SLUICE_CONNECT_FAILED', 'http://b:81', NAMED), 'upstreams.app.servers[1]')
  assert.equal(option('SLUICE_CONNECT_FAILED', 'http://added:1', NAMED), 'upstreams.app')
  assert.equal(option('SLUICE_CONNECT_FAILED', 'http://b:81', URL_ON_ROUTE), 'upstream')
  assert.equal(option('SLUICE_TOTAL_TIMEOUT', 'http://b:81', NAMED), 'routes[2].timeouts.total')
  assert.equal(option('SLUICE_TOTAL_TIMEOUT', 'http://b:81', URL_ON_ROUTE), 'timeouts.total')
  assert.equal(option('SLUICE_NO_SERVER', 'http://b:81', NAMED), 'upstreams.app')
  assert.equal(option('SLUICE_TLS', 'http://b:81', URL_ON_ROUTE), 'upstreams.NAME.tls')
  assert.equal(option('SLUICE_NO_SERVER', '', { ...NAMED, upstream: undefined }), 'routes[2].upstream')
})

const ADDRESSES: [server: string, told: RegExp][] = [
  ['http://app:3000', /nothing listens at app:3000:/],
  ['http://app', /nothing listens at app:80:/],
  ['https://app', /nothing listens at app:443:/],
  ['http://[::1]:81', /nothing listens at \[::1\]:81:/],
  ['unix:/run/app.sock', /^\/run\/app\.sock was left behind/]
]

for (const [server, told] of ADDRESSES) {
  test(`the next step names where ${server} is`, () => {
    assert.match(diagnose(refused(server), NAMED)?.next ?? '', told)
  })
}

test('the command to try goes through the socket where there is one', () => {
  const closed = { code: 'SLUICE_RESET', server: 'unix:/run/app.sock' } as const
  assert.match(
    diagnose(closed, NAMED)?.next ?? '',
    /`curl -v --unix-socket \/run\/app\.sock http:\/\/localhost\/`/
  )
})

test('what only the client can mend has no next step', () => {
  for (const code of ['SLUICE_CLIENT_CLOSED', 'SLUICE_BAD_REQUEST', 'SLUICE_BAD_TARGET'] as const)
    assert.equal(diagnose({ code }, NAMED), undefined)
})

test('every failure of an upstream, a limit or the configuration has its rows, the last of them for whatever is left', () => {
  const source = readFileSync(join(__dirname, '..', '..', '..', 'src', 'errors.ts'), 'utf8')
  const codes = [...source.matchAll(/^ {2}(SLUICE_\w+): row\((\d+), '(\w+)'/gm)]
  const own = new Set(['SLUICE_OPTIONS', 'SLUICE_CLOSING', 'SLUICE_ONLY_IF_CACHED'])
  for (const [, code = '', , fault] of codes) {
    if (fault === 'client' || own.has(code)) continue
    const rows = FAULTS.filter((row) => row.code === code)
    assert.equal(rows.at(-1)?.when, undefined, code)
    assert.ok(rows.length > 0, code)
  }
})

test('no row is hidden behind a more general one, and no name is there twice', () => {
  for (const [index, { code, name }] of FAULTS.entries()) {
    const before = FAULTS.slice(0, index)
    assert.ok(!before.some((row) => row.code === code && row.when === undefined), name)
    assert.ok(!before.some((row) => row.name === name), name)
  }
})

test('every text is filled', () => {
  for (const fault of FAULTS) {
    const facts = { code: fault.code, server: 'unix:/run/app.sock', detail: 'what it was' }
    const port = { ...facts, server: 'http://app:3000' }
    const { next } = explain(fault, fault.next.includes('{socket}') ? facts : port, NAMED)
    assert.doesNotMatch(next, /\{\w+\}/, fault.name)
  }
})

const asked = { host: 'auto', secure: false, server: 'http://b:81', places: NAMED } as const

test('421 names headers.host and what was sent', () => {
  const words = (host: Parameters<typeof diagnoseAnswer>[1]['host'], secure: boolean) =>
    diagnoseAnswer({ status: 421, body: null }, { ...asked, host, secure })?.next.match(/\((.*)\)/)?.[1]
  assert.equal(words('auto', false), 'the client’s Host')
  assert.equal(words('auto', true), 'the host of its URL')
  assert.equal(words('client', true), 'the client’s Host')
  assert.equal(words('upstream', false), 'the host of its URL')
  assert.equal(words({ text: 'shop.example' }, false), 'shop.example')
  assert.equal(
    words(() => 'x', false),
    'what the function returned'
  )
})

const TO_TLS: [server: string, text: string][] = [
  ['nginx', 'The plain HTTP request was sent to HTTPS port'],
  ['Apache', "You're speaking plain HTTP to an SSL-enabled server port."],
  ['Go', 'Client sent an HTTP request to an HTTPS server.']
]

for (const [server, text] of TO_TLS) {
  test(`a 400 of ${server} to plain HTTP on its TLS port is known`, () => {
    const hint = diagnoseAnswer({ status: 400, body: Buffer.from(`<p>${text}</p>`) }, asked)
    assert.equal(hint?.option, 'upstreams.app.servers[1]')
    assert.match(hint?.next ?? '', /write https:\/\//)
  })
}

test('other answers say nothing about our options', () => {
  assert.equal(diagnoseAnswer({ status: 400, body: Buffer.from('no') }, asked), undefined)
  assert.equal(diagnoseAnswer({ status: 404, body: Buffer.from('HTTPS port') }, asked), undefined)
  assert.equal(diagnoseAnswer({ status: 400, body: null }, asked), undefined)
})
