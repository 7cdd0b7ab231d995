// Preloaded (`node -r`): 'fastify-sluice' is then the code compiled beside the tests, not what an earlier build left in dist/.
import Module from 'node:module'
import { join } from 'node:path'

type Resolve = (name: string, ...rest: unknown[]) => string

const loader = Module as unknown as { _resolveFilename: Resolve }
const resolve = loader._resolveFilename
const entries: Readonly<Record<string, string>> = {
  'fastify-sluice': 'index.js',
  'fastify-sluice/primary': 'primary.js'
}
loader._resolveFilename = (name, ...rest) => {
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined
  return entry === undefined ? resolve(name, ...rest) : join(__dirname, '..', '..', 'src', entry)
}
