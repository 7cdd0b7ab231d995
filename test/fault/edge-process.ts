// An edge as a process of its own, for tests that measure or kill it: `edge-process.js <port> <upstream> [options as JSON]`.
// `/~stats` tells what `app.sluice.stats()` does.
import Fastify from 'fastify'
import sluice from '../../src/index'

const [port, upstream, options = '{}'] = process.argv.slice(2)

const app = Fastify({ requestTimeout: 0, logger: { level: 'error' } })
app.register(sluice, {
  prefix: '/',
  upstream: upstream as `http://${string}`,
  bodyLimit: false,
  ...JSON.parse(options)
})
app.get('/~stats', () => app.sluice.stats())
app.listen({ host: '127.0.0.1', port: Number(port) }).catch((error) => {
  console.error(error)
  process.exit(1)
})
