// Hooks of an app that misbehave: where they stand, what they do, and what their own request is to end in.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Kind } from './scene'

/** Where a hook stands. */
export const POINTS = [
  ...(['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend'] as const),
  ...(['onResponse', 'onError', 'onTimeout', 'onRequestAbort'] as const)
]
/** A hook point. */
export type Point = (typeof POINTS)[number]

/** What a hook does there. */
export const FAULTS = [
  ...(['throws', 'rejects', 'answers', 'answers late', 'goes on late'] as const),
  ...(['is done twice', 'is done again later', 'is never done'] as const)
]
/** A way to misbehave. */
export type Fault = (typeof FAULTS)[number]

/** A hook, and how often it has been reached. */
export interface BadHook {
  /** Adds it, and what else it takes to get there. It acts on requests with the field `x-bad` only. */
  register(app: FastifyInstance): void
  /** Resolves when it has been called, or for what follows the client's leaving, when that may happen. */
  readonly reached: Promise<void>
}

type Done = (error?: Error) => void

interface Call {
  readonly request: FastifyRequest
  /** onRequestAbort has none. */
  readonly reply: FastifyReply | undefined
  readonly done: Done
  readonly point: Point
}

const BEFORE: readonly Point[] = ['onRequest', 'preParsing', 'preValidation', 'preHandler']

/** Hooks of these come before the handler. */
export function isBefore(point: Point): boolean {
  return BEFORE.includes(point)
}

const ACTS: Readonly<Record<Fault, (call: Call) => unknown>> = {
  throws: () => {
    throw new Error('boom')
  },
  rejects: () => Promise.reject(new Error('boom')),
  answers: (call) => answer(call),
  'answers late': (call) => whenLeft(call, () => answer(call)),
  'goes on late': (call) => whenLeft(call, () => call.done()),
  'is done twice': ({ done }) => {
    done()
    done()
  },
  'is done again later': ({ done }) => {
    done()
    setImmediate(() => setImmediate(done))
  },
  'is never done': () => {}
}

/** A hook behind the handler cannot answer; it tries, and goes on. */
function answer({ reply, done, point }: Call): void {
  if (isBefore(point)) {
    reply?.code(418).send('own')
    return
  }
  try {
    reply?.send('own')
  } catch {
    // Fastify refuses it inside onError.
  }
  if (point !== 'onSend') done()
}

function whenLeft({ request }: Call, act: () => void): void {
  const { socket } = request.raw
  if (socket.destroyed) act()
  else socket.once('close', () => setImmediate(act))
}

/** Makes the hook of a test. */
export function badHook(point: Point, fault: Fault): BadHook {
  let arrived = (): void => {}
  const reached = new Promise<void>((resolve) => {
    arrived = resolve
  })
  let met = false
  const hook = (...parameters: unknown[]): unknown => {
    const [request, reply] = parameters as [FastifyRequest, FastifyReply]
    const done = parameters.at(-1) as Done
    // What it answers itself comes by once more.
    if (request.headers['x-bad'] === undefined || (met && point === 'onSend')) return done()
    met = true
    arrived()
    return ACTS[fault]({ request, reply: typeof reply === 'function' ? undefined : reply, done, point })
  }
  const register = (app: FastifyInstance): void => {
    app.addHook(point as 'onRequest', hook as never)
    const path = PATHS[point]
    if (path !== undefined)
      app.addHook('preHandler', (request, _reply, done) => {
        if (request.headers['x-bad'] === undefined) done()
        else {
          if (point === 'onRequestAbort') arrived()
          path(request, done)
        }
      })
  }
  return { register, reached }
}

/** What brings a request to hooks that no ordinary one meets. */
const PATHS: Readonly<Partial<Record<Point, (request: FastifyRequest, done: Done) => void>>> = {
  onError: (_request, done) => done(new Error('for onError')),
  onTimeout: ({ raw }) => setImmediate(() => raw.socket.emit('timeout')),
  onRequestAbort: () => {}
}

/**
 * An answer that onSend sends off twice is written twice by Fastify, behind everything of ours, and one that it sends off again
 * later throws where nobody catches; any route of an app has that.
 */
export function isLostInFastify(point: Point, fault: Fault, kind: Kind): boolean {
  return (
    point === 'onSend' &&
    (fault === 'is done twice' || fault === 'is done again later') &&
    kind.name !== 'upgrade'
  )
}

/** Fastify answers twice and breaks the connection behind the first. */
export function endsConnection(point: Point, fault: Fault): boolean {
  return point === 'onError' && fault === 'is done twice'
}

/** What the client of the bad request sees: a status, or that nothing comes until it leaves. */
export type Ending = number | 'own' | 'nothing' | 'closed'

/** The table's expectation of one cell. */
export function endingOf(point: Point, fault: Fault, kind: Kind): Ending {
  const waits = fault === 'answers late' || fault === 'goes on late' || fault === 'is never done'
  const fails = fault === 'throws' || fault === 'rejects'
  if (point === 'onTimeout') return 'closed'
  if (point === 'onRequestAbort') return 'nothing'
  if (point === 'onError') return waits ? 'nothing' : 500
  // Content of ours is never serialised, and what follows an answer changes nothing of it.
  if (point === 'preSerialization' || point === 'onResponse') return kind.status
  // A handshake that succeeds has no answer that hooks could see.
  if (point === 'onSend' && kind.name === 'upgrade') return kind.status
  if (waits) return 'nothing'
  if (fails) return 500
  if (fault === 'answers') return isBefore(point) ? 418 : 'own'
  return kind.status
}
