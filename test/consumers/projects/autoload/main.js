// An app whose plugins are files: the edge once as `module.exports`, once as `export default` with `autoConfig`.
const { deepStrictEqual } = require('node:assert')
const { join } = require('node:path')
const autoload = require('@fastify/autoload')
const Fastify = require('fastify')
const { EXPECTED, makeFolder, optionsFor, startOrigin, travel } = require('../journey.cjs')

async function run(plugins, { origin, folder }) {
  const options = optionsFor(origin, folder.root)
  const app = Fastify()
  app.decorate('edgeOptions', options)
  app.get('/own', async () => 'the own route')
  await app.register(autoload, {
    dir: join(__dirname, plugins),
    encapsulate: false,
    options: plugins === 'plugins' ? options : {}
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  deepStrictEqual(await travel(app, url), EXPECTED)
  await app.close()
}

async function main() {
  const beside = { origin: await startOrigin(), folder: makeFolder() }
  for (const plugins of ['plugins', 'plugins-esm']) await run(plugins, beside)
  await beside.origin.close()
  beside.folder.remove()
  console.log('as expected')
}

main()
