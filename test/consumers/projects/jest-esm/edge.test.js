// An app's test in Jest with --experimental-vm-modules: `import` of the plugin and of its names.
import Fastify from 'fastify'
import sluice, { check, defineSluice, sluice as named } from 'fastify-sluice'
import journey from '../journey.cjs'

const { EXPECTED, makeFolder, optionsFor, startOrigin, travel } = journey

test('the edge answers', async () => {
  const origin = await startOrigin()
  const folder = makeFolder()
  const app = Fastify()
  app.get('/own', async () => 'the own route')
  await app.register(sluice, defineSluice(optionsFor(origin, folder.root)))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  expect(await travel(app, url)).toEqual(EXPECTED)
  await app.close()
  await origin.close()
  folder.remove()
})

test('the names are the same as of require', () => {
  expect(sluice).toBe(named)
  expect(() => check({ prefix: '/', upstrem: 'x' })).toThrow(/upstrem/)
})
