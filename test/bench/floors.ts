// The floors: what a bare Fastify, or Node itself, takes to send the same bytes under the same fields from a Buffer.
import { readdirSync, statSync } from 'node:fs'
import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { join } from 'node:path'
import { get } from '../support/http-client'
import { newFastify, type Start, startFastify, startPlain } from './listening'
import type { Surroundings } from './surroundings'

interface Model {
  readonly path: string
  readonly body: Buffer
  readonly fields: Readonly<Record<string, string>>
  /** Of the answer to one who has it already. */
  readonly unchanged: Readonly<Record<string, string>>
}

/** Fields that a server sends by itself, or of one connection only. */
const OWN = new Set(['connection', 'keep-alive', 'date', 'content-length', 'transfer-encoding'])

/** The contestants, by name. */
export const FLOORS: Readonly<Record<string, Start>> = {
  fastify: async (at) => {
    const app = newFastify(at)
    for (const { path, body, fields, unchanged } of await modelsOf(at)) {
      app.get(path, (request, reply) => {
        if (request.headers['if-none-match'] === fields.etag) reply.code(304).headers(unchanged).send()
        else reply.headers(fields).send(body)
      })
    }
    return startFastify(app)
  },
  'node:http': async (at) => startPlain(await bareHttp(at))
}

/** What Sluice answers once it has the answer in store. */
async function modelsOf({ model, files }: Surroundings): Promise<Model[]> {
  const names = readdirSync(files).filter((name) => statSync(join(files, name)).isFile())
  const paths = names.flatMap((name) => [`/cached/${name}`, `/files/${name}`])
  return Promise.all(
    paths.map(async (path) => {
      await get(model + path)
      const { headers, body } = await get(model + path)
      const known = { 'if-none-match': String(headers.etag) }
      const { headers: unchanged } = await get(model + path, { headers: known })
      return { path, body, fields: withoutOwn(headers), unchanged: withoutOwn(unchanged) }
    })
  )
}

function withoutOwn(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.has(name))) as Record<
    string,
    string
  >
}

async function bareHttp(at: Surroundings): Promise<RequestListener> {
  const models = new Map((await modelsOf(at)).map((model) => [model.path, model]))
  return (request, response) => {
    const { body, fields, unchanged } = models.get(request.url ?? '') as Model
    if (request.headers['if-none-match'] === fields.etag) response.writeHead(304, unchanged).end()
    else response.writeHead(200, { ...fields, 'content-length': body.length }).end(body)
  }
}
