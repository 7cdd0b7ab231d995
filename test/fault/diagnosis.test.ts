// Decision 34: for each fault one log line names server, phase, errno, the option and the next step; the client sees none of it.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { LogRecord } from '../support/edge'
import { ANSWERS, MORE_ANSWERS } from './diagnosis/answer'
import type { FaultCase, Seen } from './diagnosis/case'
import { EDGE, MORE_EDGE } from './diagnosis/edge'
import { MORE_REACH, REACH } from './diagnosis/reach'

const CASES: readonly FaultCase[] = [...REACH, ...ANSWERS, ...EDGE]
const MORE: readonly FaultCase[] = [...MORE_REACH, ...MORE_ANSWERS, ...MORE_EDGE]

interface Told {
  readonly code?: string
  readonly server?: string
  readonly phase?: string
  readonly errno?: string
  readonly option?: string
  readonly next?: string
}

const seenRows: string[] = []

/** What a line tells of the fault: a failed request in `error`, a suspicious answer in `hint`, any other line itself. */
function toldBy(line: LogRecord): Told {
  return (line.error ?? line.hint ?? line) as Told
}

function checkAnswer({ status, answer, secrets }: Seen, expected: FaultCase): void {
  assert.equal(status, expected.status)
  for (const secret of [...secrets, 'errno', 'ECONN', 'stack', 'node_modules', 'routes['])
    assert.ok(!answer.includes(secret), `the client sees ${secret}: ${answer}`)
  if (expected.code !== undefined && answer.includes('statusCode'))
    assert.ok(answer.includes(expected.code), answer)
}

function checkTold(told: Told, expected: FaultCase): void {
  assert.equal(told.code, expected.code)
  if (expected.phase !== undefined) assert.equal(told.phase, expected.phase)
  if (expected.errno !== undefined) assert.match(told.errno ?? '', expected.errno)
  if (expected.server !== undefined) assert.match(String(told.server), expected.server)
  else if (expected.code !== undefined) assert.match(told.server ?? '', /^(?:https?:\/\/|unix:\/)/)
  assert.equal(told.option, expected.option)
  assert.match(told.next ?? '', expected.next)
  assert.doesNotMatch(told.next ?? '', /\{\w+\}|undefined/)
}

for (const expected of [...CASES, ...MORE]) {
  test(expected.name, async (t) => {
    const seen = await expected.run(t)
    assert.equal(seen.lines.length, 1, JSON.stringify(seen.lines, null, 1))
    const [line] = seen.lines as [LogRecord]
    assert.equal(line.level, expected.level)
    checkAnswer(seen, expected)
    const told = toldBy(line)
    checkTold(told, expected)
    if (!CASES.includes(expected)) return
    const { code, server, phase, errno, option, next } = told
    const cells = [expected.name, seen.status, code, server, phase, errno, option, next]
    seenRows.push(cells.map((cell) => cell ?? '–').join(' | '))
  })
}

test('there are twenty-five', () => {
  assert.equal(CASES.length, 25)
  assert.equal(new Set(CASES.map(({ name }) => name)).size, 25)
})

after(() => {
  const head = ['fault', 'status', 'code', 'server', 'phase', 'errno', 'option', 'next step'].join(' | ')
  process.stderr.write(`${[head, ...seenRows].join('\n')}\n`)
})
