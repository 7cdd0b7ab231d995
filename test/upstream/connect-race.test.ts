// Happy Eyeballs: real connections, and sockets that stay silent for addresses that nobody answers from.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { race } from '../../src/upstream/connect-race'
import { until } from '../support/waiting'

interface Rig {
  /** `silent` never answers, `closed` refuses, anything else connects. */
  run(addresses: readonly string[]): {
    won: Promise<string>
    end: () => void
    opened: string[]
    sockets: Socket[]
  }
}

async function rig(t: TestContext): Promise<Rig> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const all: Socket[] = []
  t.after(() => {
    for (const socket of all) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const open = (address: string): Socket => {
    if (address.startsWith('silent')) return new Socket()
    return connect({ host: '127.0.0.1', port: address.startsWith('closed') ? 1 : port })
  }
  return {
    run(addresses) {
      const opened: string[] = []
      const sockets: Socket[] = []
      let end = (): void => {}
      const won = new Promise<string>((resolve, reject) => {
        end = race({
          addresses,
          open(address) {
            opened.push(address)
            const socket = open(address)
            sockets.push(socket)
            all.push(socket)
            return socket
          },
          onWon: (socket, address) => {
            socket.on('error', () => {})
            resolve(address)
          },
          onLost: reject
        })
      })
      return { won, end, opened, sockets }
    }
  }
}

test('one that answers at once is the only one dialled', async (t) => {
  const { won, opened } = (await rig(t)).run(['a', 'b', 'c'])
  assert.equal(await won, 'a')
  assert.deepEqual(opened, ['a'])
})

test('a silent one: the next is dialled beside it, wins, and the silent one is destroyed', async (t) => {
  const startedAt = performance.now()
  const { won, opened, sockets } = (await rig(t)).run(['silent', 'b', 'c'])
  assert.equal(await won, 'b')
  assert.ok(performance.now() - startedAt >= 240)
  assert.deepEqual(opened, ['silent', 'b'])
  assert.deepEqual(
    sockets.map((socket) => socket.destroyed),
    [true, false]
  )
})

test('one that refuses does not wait for the delay', async (t) => {
  const it = (await rig(t)).run(['closed1', 'closed2', 'closed3', 'd'])
  assert.equal(await it.won, 'd')
  assert.equal(it.opened.length, 4)
})

test('all refuse: the last failure is the failure', async (t) => {
  const { won, opened } = (await rig(t)).run(['closed1', 'closed2'])
  await assert.rejects(won, { code: 'ECONNREFUSED' })
  assert.equal(opened.length, 2)
})

test('a silent first and a refusing last: the silent one may still win', async (t) => {
  const { won, end, opened, sockets } = (await rig(t)).run(['silent', 'closed'])
  let isOver = false
  won.then(
    () => (isOver = true),
    () => (isOver = true)
  )
  await until('the refusal', () => sockets[1]?.destroyed === true)
  assert.equal(isOver, false)
  sockets[0]?.emit('connect')
  assert.equal(await won, 'silent')
  assert.deepEqual(opened, ['silent', 'closed'])
  end()
})

test('many silent addresses: each is dialled, the one that works is found', async (t) => {
  const { won, opened, sockets } = (await rig(t)).run(['silent1', 'silent2', 'silent3', 'd'])
  assert.equal(await won, 'd')
  assert.equal(opened.length, 4)
  assert.equal(sockets.filter((socket) => socket.destroyed).length, 3)
})

test('ended from outside: every socket is destroyed, nobody is told, nothing more is dialled', async (t) => {
  const { won, end, opened, sockets } = (await rig(t)).run(['silent1', 'silent2', 'silent3'])
  let isOver = false
  won.then(
    () => (isOver = true),
    () => (isOver = true)
  )
  await until('the second dial', () => opened.length === 2)
  end()
  const dialled = opened.length
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal(opened.length, dialled)
  assert.ok(sockets.every((socket) => socket.destroyed))
  assert.equal(isOver, false)
})
