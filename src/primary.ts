// `import 'fastify-sluice/primary'` in the primary of node:cluster: what its workers share. In any other process it does nothing.
import cluster from 'node:cluster'
import { Switchboard } from './cluster/switchboard'
import { bucketService } from './rate-limit/primary'
import { BUCKETS_TOPIC } from './rate-limit/questions'

if (cluster.isPrimary) {
  const switchboard = new Switchboard({ [BUCKETS_TOPIC]: bucketService(() => performance.now()) })
  cluster.on('message', (worker, message) => switchboard.receive(worker, message))
  cluster.on('disconnect', ({ id }) => switchboard.leave(id))
}
