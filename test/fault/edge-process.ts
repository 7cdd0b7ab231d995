// An edge as a process of its own, for tests that measure or kill it: `edge-process.js <upstream> [options as JSON]`. It prints
// its port; `/~stats` tells what `app.sluice.stats()` does, `/~held` how many bytes it holds that nobody can collect.
import Fastify from 'fastify'
import sluice from '../../src/index'
import { heldBytes } from '../support/process-memory'

const [upstream, options = '{}'] = process.argv.slice(2)

const app = Fastify({ requestTimeout: 0, logger: { level: 'error' } })
app.register(sluice, {
  prefix: '/',
  upstream: upstream as `http://${string}`,
  bodyLimit: false,
  ...JSON.parse(options)
})
app.get('/~stats', () => app.sluice.stats())
app.get('/~held', () => ({ bytes: heldBytes() + process.memoryUsage().external }))
app.listen({ host: '127.0.0.1', port: 0 }).then(
  (url) => console.log(`port ${new URL(url).port}`),
  (error) => {
    console.error(error)
    process.exit(1)
  }
)
