// The public HTTP cache tests against an edge of this process: what they require holds, and what is declined is declined with a reason.
import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { type TestContext, test } from 'node:test'
import { listen } from '../support/address'
import { startEdge } from '../support/edge'
import { DECLINED, SET_COOKIE } from './declined'
import { isInstalled, type Kind, runSuite, suiteOrigin, type Verdict } from './suite'

const missing = isInstalled() ? false : 'needs http-cache-tests: npm ci --prefix test/conformance'
if (missing !== false && process.env.SLUICE_CI === '1') throw new Error(missing)

test('http-cache-tests', { skip: missing }, async (t) => {
  const verdicts = await runAgainst(t, {})
  process.stderr.write(`http-cache-tests: ${KINDS.map((kind) => score(verdicts, kind)).join(', ')}\n`)

  await t.test('every required test passes, but for those that are declined', () => {
    assert.deepEqual(unexpected(verdicts, 'required'), [])
  })

  await t.test('every optimal test passes, but for those that are declined', () => {
    assert.deepEqual(unexpected(verdicts, 'optimal'), [])
  })

  await t.test('what is declined does not pass, and is a test of the suite', () => {
    const passed = new Map(verdicts.map(({ id, outcome }) => [id, outcome === 'pass']))
    const wrong = [...DECLINED.keys(), ...SET_COOKIE].filter((id) => passed.get(id) !== false)
    assert.deepEqual(wrong, [])
  })

  await t.test("with setCookie: 'store' the tests of Set-Cookie pass", async () => {
    const needed = [...SET_COOKIE, '304-lm-use-stored-Test-Header']
    const stored = await runAgainst(t, { setCookie: 'store' }, needed)
    assert.equal(stored.length, needed.length)
    assert.deepEqual(
      stored.filter(({ outcome }) => outcome !== 'pass'),
      []
    )
  })
})

const KINDS: readonly Kind[] = ['required', 'optimal', 'check']

async function runAgainst(
  t: Pick<TestContext, 'after'>,
  cache: object,
  ids?: readonly string[]
): Promise<Verdict[]> {
  const origin = await suiteOrigin()
  t.after(() => {
    origin.close()
    origin.closeAllConnections()
  })
  const upstream = await listen(origin)
  const methods = METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE')
  const { url, close } = await startEdge(
    t,
    {
      caches: { pages: {} },
      routes: [{ prefix: '/', upstream, methods, cache: { zone: 'pages', ...cache } }]
    },
    { logLevel: 'silent' }
  )
  const verdicts = await runSuite(url, ids)
  await close()
  return verdicts
}

function unexpected(verdicts: readonly Verdict[], kind: Kind): string[] {
  return verdicts
    .filter((verdict) => verdict.kind === kind && verdict.outcome !== 'pass')
    .filter(({ id }) => !DECLINED.has(id) && !SET_COOKIE.includes(id))
    .map(({ id, name, outcome, message }) => `${id}: ${name}: ${outcome}: ${message}`)
}

function score(verdicts: readonly Verdict[], kind: Kind): string {
  const all = verdicts.filter((verdict) => verdict.kind === kind)
  const passed = all.filter(({ outcome }) => outcome === 'pass')
  return `${passed.length} of ${all.length} ${kind === 'check' ? 'checks' : kind}`
}
