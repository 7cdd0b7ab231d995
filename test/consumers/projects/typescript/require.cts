// `import = require`: the plugin is the module itself, its names and types are below it.
import Fastify = require('fastify')
import sluice = require('fastify-sluice')

const options: sluice.SluiceOptions<'app'> = sluice.defineSluice({
  upstreams: { app: 'http://127.0.0.1:1' },
  routes: [{ prefix: '/', upstream: 'app' }]
})
export const wrong = () => [
  // @ts-expect-error no such upstream
  sluice.defineSluice({ upstreams: { app: 'http://a' }, routes: [{ prefix: '/', upstream: 'b' }] })
]

async function main(): Promise<void> {
  sluice.check(options)
  const app = Fastify()
  app.addHook('onResponse', async ({ sluice: exchange }) => {
    const known: sluice.Exchange | null = exchange
    if (known?.tries[0]?.error === 'SLUICE_CONNECT_FAILED') console.log('as expected')
  })
  await app.register(sluice, options)
  const stats: sluice.SluiceStats = app.sluice.stats()
  const { statusCode } = await app.inject('/x')
  if (statusCode !== 502 || stats.upstreams.app === undefined) throw new Error(`status ${statusCode}`)
  await app.close()
}

void main()
