// Fifteen plugins of an ordinary app × seven kinds of answer × registered before and after us: each does its own work, and we ours.
import { test } from 'node:test'
import { type Neighbour, type Order, runCell } from './cell'
import { FIELD_PLUGINS } from './fields'
import { GUARD_PLUGINS } from './guards'
import { ROUTE_PLUGINS } from './routes'
import { KINDS } from './scene'
import { table } from './table'

const NEIGHBOURS: readonly Neighbour[] = [...FIELD_PLUGINS, ...GUARD_PLUGINS, ...ROUTE_PLUGINS]
const ORDERS: readonly Order[] = ['before', 'after']

const matrix = table('Plugins of the app beside us')
for (const neighbour of NEIGHBOURS) {
  for (const order of ORDERS) {
    const row = `${neighbour.name} ${order} us`
    for (const kind of KINDS) {
      const run = matrix.cell({ row, column: kind.name }, (t) => runCell(t, { neighbour, order, kind }))
      test(`${row}: ${kind.name}`, run)
    }
  }
}
