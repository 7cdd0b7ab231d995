// `import 'fastify-sluice/primary'` in the primary of node:cluster: relays between its workers. In any other process it does nothing.
import cluster from 'node:cluster'
import { Switchboard } from './cluster/switchboard'

if (cluster.isPrimary) {
  const switchboard = new Switchboard()
  cluster.on('message', (worker, message) => switchboard.receive(worker, message))
  cluster.on('disconnect', ({ id }) => switchboard.leave(id))
}
