// Purges between the workers of node:cluster: through the primary.
import type { Channel } from '../cluster/channel'
import { decodeBan, encodeBan } from './ban-line'
import type { Ban } from './bans'
import { Batch } from './batch'
import type { BanList, Spread } from './spread'

/** What it works with. */
export interface WorkerSpreadParts {
  readonly channel: Pick<Channel, 'joined' | 'listen' | 'tell'>
  /** Zones of this name share their purges. */
  readonly zone: string
  /** What was told before it joined: taken for a purge of everything, or learnt another way. */
  readonly missed: 'all' | 'learnt'
  readonly now: () => number
}

/** The purges of one zone. */
export class WorkerSpread implements Spread {
  readonly #parts: WorkerSpreadParts
  readonly #topic: string
  readonly #batch: Batch
  #stop: () => void = () => undefined

  constructor(parts: WorkerSpreadParts) {
    const topic = `purge ${parts.zone}`
    this.#parts = parts
    this.#topic = topic
    this.#batch = new Batch((lines) => parts.channel.tell(topic, lines))
  }

  async subscribe(bans: BanList): Promise<void> {
    const { channel, missed, now } = this.#parts
    const all = (): void => bans.add({ of: { all: true }, at: now(), soft: false })
    this.#stop = channel.listen(this.#topic, {
      onTold(lines) {
        for (const line of lines.split('\n')) {
          if (line === '') continue
          const ban = decodeBan(line)
          if (ban === undefined) all()
          else bans.add(ban)
        }
      },
      onJoin() {
        if (missed === 'all') all()
      }
    })
  }

  /** Without a primary that relays there is nobody to tell; the log has said so. */
  async publish(ban: Ban): Promise<void> {
    if (await this.#parts.channel.joined()) await this.#batch.add(encodeBan(ban))
  }

  async close(): Promise<void> {
    this.#stop()
  }
}
