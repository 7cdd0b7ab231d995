// Preloaded (`node -r`): 'fastify-sluice' is then the code compiled beside the tests, not what an earlier build left in dist/.
import Module from 'node:module'
import { join } from 'node:path'

type Resolve = (name: string, ...rest: unknown[]) => string

const loader = Module as unknown as { _resolveFilename: Resolve }
const resolve = loader._resolveFilename
loader._resolveFilename = (name, ...rest) =>
  name === 'fastify-sluice' ? join(__dirname, '..', '..', 'src', 'index.js') : resolve(name, ...rest)
