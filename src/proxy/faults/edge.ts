// PURE. Faults that are not the server’s: limits, refusals, loops, and the app’s own code.
import type { Fault } from './fault'

/** Content that has come and was put on a disk. */
const OWN_FILE = /^the (?:cache|spool) file /

/** From the particular to the general: the last row of a code matches whatever is left. */
export const EDGE_FAULTS: readonly Fault[] = [
  {
    name: 'client stops sending',
    code: 'SLUICE_BODY_TIMEOUT',
    option: 'timeouts.body',
    next: 'the client fell silent within its request; if many do, look at what is in front of this app, or raise {option}'
  },
  {
    name: 'client takes nothing of its answer',
    code: 'SLUICE_CLIENT_TIMEOUT',
    option: 'timeouts.client',
    next: 'the client asked and did not read; where that is wanted (a player that pauses, a debugger) raise {option}'
  },
  {
    name: 'request body too large',
    code: 'SLUICE_BODY_TOO_LARGE',
    option: 'bodyLimit',
    next: '{detail}: raise {option} if such requests are wanted; where it is not set Fastify’s own bodyLimit (1 MiB) counts'
  },
  {
    name: 'loop to ourselves',
    code: 'SLUICE_LOOP',
    option: 'upstream',
    next: 'what {option} leads to comes back here: name the app behind, not the public address or another proxy in front of this app'
  },
  {
    name: 'all connections to the server in use',
    code: 'SLUICE_CONCURRENCY',
    when: ({ server }) => server !== undefined,
    option: 'group.maxConnections',
    next: '{detail}: raise {option} or add servers, when the server can bear it'
  },
  {
    name: 'every server has its maxConns',
    code: 'SLUICE_QUEUE',
    option: 'group.queue',
    next: '{detail}: add servers or raise their maxConns, when they can bear it; a larger {option} only makes clients wait'
  },
  {
    name: 'too many at one time',
    code: 'SLUICE_CONCURRENCY',
    option: 'concurrency',
    next: 'more at one time than {option} allows for one key: wanted, unless many clients share an address'
  },
  {
    name: 'rate limit',
    code: 'SLUICE_RATE_LIMITED',
    option: 'rateLimit',
    next: 'faster than {option} allows for one key: wanted, unless many clients share an address; then raise burst or give a key'
  },
  {
    name: 'auth service away',
    code: 'SLUICE_AUTH_UNAVAILABLE',
    option: 'authRequest',
    next: '{detail}: see `message`, and {option}.onError for what is answered meanwhile'
  },
  {
    name: 'WebSocket where none is switched on',
    code: 'SLUICE_UPGRADE_REQUIRED',
    option: 'websocket',
    next: 'set {option}: true to relay WebSocket'
  },
  {
    name: 'not allowed in',
    code: 'SLUICE_FORBIDDEN',
    option: 'access',
    next: '{detail}: wanted, unless the address is that of a proxy in front (Fastify({ trustProxy }))'
  },
  {
    name: 'method not taken',
    code: 'SLUICE_METHOD_NOT_ALLOWED',
    option: 'methods',
    next: 'add the method to {option} if it is wanted; files take GET and HEAD only'
  },
  {
    name: 'WebSocket to an upstream that is asked in HTTP/2',
    code: 'SLUICE_INTERNAL',
    when: ({ detail }) => detail?.startsWith('websocket:') === true,
    option: 'group.protocol',
    next: 'WebSocket needs HTTP/1.1: let the function choose an upstream without {option}'
  },
  {
    name: 'file of an answer cannot be read',
    code: 'SLUICE_INTERNAL',
    when: ({ detail }) => detail !== undefined && OWN_FILE.test(detail),
    next: '{detail}: the disk of a cache or of buffering.spill fails, or somebody clears its directory; `dmesg`, and the health of the device'
  },
  {
    name: 'the app says what cannot be done',
    code: 'SLUICE_INTERNAL',
    when: ({ detail }) => detail !== undefined,
    next: '{detail}: to be mended in the app'
  },
  {
    name: 'a hook or function failed',
    code: 'SLUICE_INTERNAL',
    next: 'code of the app threw: `stack` says where; if it points into fastify-sluice, please report it'
  }
]
