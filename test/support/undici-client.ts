// Loaded first, it has every upstream asked by undici, whatever `client` says: the suites of one client hold the other.
// `NODE_OPTIONS="--require $PWD/build/test/support/undici-client.js" node test/run.mjs e2e fault`
import type * as Transports from '../../src/upstream/transport'

const transports = require('../../src/upstream/transport') as {
  openTransport: typeof Transports.openTransport
}
const { openTransport } = transports

transports.openTransport = (origin, connections, tolerated) =>
  openTransport(origin, { ...connections, client: 'undici' }, tolerated)
