// The same groups in nginx and here: one key, one server. Its own answers say whom it chose.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { CreateBalancer } from '../../../src/upstream/balance/balancer'
import { consistentHash } from '../../../src/upstream/balance/consistent-hash'
import { hash } from '../../../src/upstream/balance/hash'
import { ipHash } from '../../../src/upstream/balance/ip-hash'
import { roundRobin } from '../../../src/upstream/balance/round-robin'
import { resolveServer } from '../../../src/upstream/options'
import { createServer } from '../../../src/upstream/server'
import { get } from '../../support/http-client'
import { startNginx } from '../../support/nginx'
import { turn } from '../fixtures'

const WEIGHTS = [2, 1, 4, 1, 3]
const KEYS = Array.from({ length: 120 }, (_, n) => `/some/path/${n}?q=${n * 7}`)
const ADDRESSES = [
  ...Array.from({ length: 80 }, (_, n) => `${n + 1}.${(n * 37) % 256}.${(n * 101) % 256}.${n}`),
  ...Array.from({ length: 40 }, (_, n) => `2001:db8:${n.toString(16)}::${(n * 7).toString(16)}`)
]

interface Case {
  readonly directive: string
  readonly create: CreateBalancer
  readonly field: string
  readonly keys: readonly string[]
}

const CASES: Case[] = [
  { directive: 'hash $http_x_key;', create: hash, field: 'x-key', keys: KEYS },
  { directive: 'hash $http_x_key consistent;', create: consistentHash, field: 'x-key', keys: KEYS },
  { directive: 'ip_hash;', create: ipHash, field: 'x-real-ip', keys: ADDRESSES },
  { directive: '', create: roundRobin, field: 'x-key', keys: KEYS.slice(0, 44) }
]

async function ask(t: TestContext, { directive, field, keys }: Case, down: number | undefined) {
  const nginx = await startNginx(t, {
    ports: WEIGHTS.length + 1,
    http: ({ ports: [front, ...ports] }) => `
      set_real_ip_from 127.0.0.1;
      real_ip_header X-Real-IP;
      upstream group {
        ${directive}
        ${ports.map((port, n) => `server 127.0.0.1:${port} weight=${WEIGHTS[n]}${n === down ? ' down' : ''};`).join('\n')}
      }
      server { listen 127.0.0.1:${front}; location / { proxy_pass http://group; } }
      ${ports.map((port) => `server { listen 127.0.0.1:${port}; return 200 $server_port; }`).join('\n')}
    `
  })
  if (nginx === undefined) return undefined
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const theirs: string[] = []
  for (const key of keys) theirs.push((await get(nginx.url, { agent, headers: { [field]: key } })).text)
  return { theirs, ports: nginx.ports.slice(1) }
}

for (const down of [undefined, 2]) {
  for (const each of CASES) {
    const { directive, create, keys } = each
    const name = directive === '' ? 'round robin' : directive
    test(`${name} chooses as nginx does${down === undefined ? '' : ', one server being down'}`, async (t) => {
      const asked = await ask(t, each, down)
      if (asked === undefined) return
      const servers = asked.ports.map((port, n) =>
        createServer(
          resolveServer(
            { url: `http://127.0.0.1:${port}`, weight: WEIGHTS[n] ?? 1, down: n === down },
            'servers'
          )
        )
      )
      const choose = create(servers)
      const ours = keys.map((key) => choose(turn({ key }))?.url.split(':').at(-1))
      assert.deepEqual(ours, asked.theirs)
    })
  }
}
