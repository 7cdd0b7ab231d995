// One cell of the matrix: a plugin of the app, registered before or after us, and one kind of answer.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { get } from '../support/http-client'
import {
  type Answer,
  type Fields,
  type Kind,
  type Register,
  type Scene,
  startScene,
  verifyLog,
  verifyOurs
} from './scene'

/** When the plugin is registered, seen from us. */
export type Order = 'before' | 'after'

/** A row of the matrix. */
export interface Neighbour {
  readonly name: string
  /** It works through Fastify's onRoute hook: routes that are there before it are none of its business. */
  readonly onRoute?: true
  /** Options of all our routes beside it. */
  readonly defaults?: object
  /** Makes one, with its state, for one cell. */
  open(t: TestContext): Opened
}

/** A plugin in one cell. */
export interface Opened {
  readonly register: Register
  /** Fields with which a request passes, when it has to have any. */
  credentials?(scene: Scene): Promise<Fields>
  /** That the plugin does its work, and we ours. */
  check(cell: Cell): Promise<void>
}

/** What a check works with. */
export interface Cell {
  readonly t: TestContext
  readonly scene: Scene
  readonly kind: Kind
  /** The plugin sees our routes. */
  readonly acts: boolean
  /** Asks for the kind with the credentials, and judges our side of the answer. */
  ask(headers?: Fields): Promise<Answer>
  /** Asks without credentials and judges nothing; no server behind us is to hear of it. */
  askRefused(headers?: Fields): Promise<Answer>
  /** Asks the app's own routes. */
  own(path: string, headers?: Fields): ReturnType<typeof get>
}

/** Runs a cell. */
export async function runCell(
  t: TestContext,
  { neighbour, order, kind }: { neighbour: Neighbour; order: Order; kind: Kind }
): Promise<void> {
  const { register, credentials, check } = neighbour.open(t)
  const scene = await startScene(t, { [order]: register, defaults: neighbour.defaults ?? {} })
  const passing = (await credentials?.(scene)) ?? {}
  const answers: Answer[] = []
  const ask = async (headers: Fields): Promise<Answer> => {
    const answer = await scene.ask(kind, headers)
    answers.push(answer)
    return answer
  }
  // Another client than all that follow.
  if (kind.primed) await get(scene.edge.url + kind.path(0), { headers: { ...passing } })
  const primed = kind.primed ? 1 : 0
  await check({
    t,
    scene,
    kind,
    acts: order === 'before' || neighbour.onRoute === undefined,
    own: (path, headers = {}) => get(scene.edge.url + path, { headers: { ...headers } }),
    ask: async (headers = {}) => {
      const before = scene.reached()
      const answer = await ask({ ...passing, ...headers })
      verifyOurs(kind, answer)
      assert.equal(scene.reached() - before, kind.reaches, 'requests that reach a server')
      return answer
    },
    askRefused: async (headers = {}) => {
      const before = scene.reached()
      const answer = await ask(headers)
      assert.equal(scene.reached() - before, 0, 'nothing reaches a server')
      return answer
    }
  })
  await verifyLog(scene.edge, answers, primed)
}
