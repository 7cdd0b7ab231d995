// An app's test in Jest, with require: each test file has globals of its own there.
const Fastify = require('fastify')
const sluice = require('fastify-sluice')
const { EXPECTED, makeFolder, optionsFor, startOrigin, travel } = require('../journey.cjs')

test('the edge answers', async () => {
  const origin = await startOrigin()
  const folder = makeFolder()
  const app = Fastify()
  app.get('/own', async () => 'the own route')
  await app.register(sluice, sluice.defineSluice(optionsFor(origin, folder.root)))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  expect(await travel(app, url)).toEqual(EXPECTED)
  const injected = await app.inject('/api/injected')
  expect(injected.payload).toBe('GET /v1/injected for 127.0.0.1')
  await app.close()
  await origin.close()
  folder.remove()
})

test('a wrong option is an error with its path', async () => {
  const app = Fastify()
  await expect(app.register(sluice, { prefix: '/', upstream: 'nobody' })).rejects.toThrow(/upstream.*nobody/)
  expect(() => sluice.check({ prefix: '/', upstrem: 'x' })).toThrow(/upstrem/)
  await app.close()
})
