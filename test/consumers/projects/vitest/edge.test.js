// An app's test in Vitest.
import Fastify from 'fastify'
import sluice, { check, defineSluice } from 'fastify-sluice'
import { expect, test } from 'vitest'
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

test('a wrong option is an error with its path', () => {
  expect(() => check({ prefix: '/', upstrem: 'x' })).toThrow(/upstrem/)
})
