// One contestant of Node in a process of its own: told by BENCH which, and what is around it. SIGUSR2 collects its garbage.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { EDGES } from './edges'
import { FLOORS } from './floors'
import { ISOLATED } from './isolation'
import { NODE_PEERS } from './node-peers'
import type { Surroundings } from './surroundings'

const { name, ...at } = JSON.parse(process.env.BENCH ?? '{}') as Surroundings & { name: string }
const start = { ...EDGES, ...FLOORS, ...NODE_PEERS, ...ISOLATED }[name]
if (start === undefined) throw new Error(`no contestant of this name: ${name}`)

process.on('SIGUSR2', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
})

void start(at).then((url) => console.log(url))
