// The floors: what a bare Fastify, or Node itself, takes to send the same bytes under the same fields from a Buffer.
import { readdirSync, statSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { get } from '../support/http-client'
import { newFastify, type Start, startFastify, startPlain } from './listening'
import type { Surroundings } from './surroundings'

interface Model {
  readonly path: string
  readonly body: Buffer
  readonly fields: Readonly<Record<string, string>>
}

/** Fields that a server sends by itself, or of one connection only. */
const OWN = new Set(['connection', 'keep-alive', 'date', 'content-length', 'transfer-encoding'])

/** The contestants, by name. */
export const FLOORS: Readonly<Record<string, Start>> = {
  fastify: async (at) => {
    const app = newFastify(at)
    for (const { path, body, fields } of await modelsOf(at)) {
      app.get(path, (request, reply) => {
        reply.headers(fields)
        if (request.headers['if-none-match'] === fields.etag && fields.etag !== undefined)
          reply.code(304).send()
        else reply.send(body)
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
      const fields = Object.entries(headers).filter(([name]) => !OWN.has(name))
      return { path, body, fields: Object.fromEntries(fields) as Record<string, string> }
    })
  )
}

async function bareHttp(at: Surroundings): Promise<RequestListener> {
  const models = new Map((await modelsOf(at)).map((model) => [model.path, model]))
  return (request, response) => {
    const { body, fields } = models.get(request.url ?? '') as Model
    const isSame = request.headers['if-none-match'] === fields.etag && fields.etag !== undefined
    if (isSame) response.writeHead(304, fields).end()
    else response.writeHead(200, { ...fields, 'content-length': body.length }).end(body)
  }
}
