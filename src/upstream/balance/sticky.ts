// PURE. Which server a client's cookie names: a signature of its address that tells nobody the address (nginx: sticky cookie).
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Server } from '../server'
import type { ResolvedSticky } from './options'

/** Characters of a token that find its server; the rest proves it, compared in constant time. */
const FINDING = 16

/** What a cookie came to. */
export interface Sticking {
  readonly server: Server
  /** Signed with the secret that signs: no newer cookie is due. */
  readonly current: boolean
}

/** The tokens of a list of servers; made anew when the list changes. */
export interface Sticky {
  /** Undefined for a value that is none of ours, or of a server that has left. */
  find(value: string): Sticking | undefined
  /** The Set-Cookie line that names the server; `secure`: the request came over TLS. */
  line(server: Server, secure: boolean): string
}

interface Token extends Sticking {
  readonly whole: Buffer
}

/** Signs each server once; a cookie is then looked up, whatever the number of servers. */
export function createSticky(options: ResolvedSticky, servers: readonly Server[]): Sticky {
  const { cookie, secrets, attributes, secure } = options
  const known = new Map<string, Token>()
  const lines = new Map<Server, string>()
  for (const server of servers) {
    const [token = '', ...older] = secrets.map((secret) => sign(secret, cookie, server))
    for (const one of older)
      known.set(one.slice(0, FINDING), { server, current: false, whole: Buffer.from(one) })
    known.set(token.slice(0, FINDING), { server, current: true, whole: Buffer.from(token) })
    lines.set(server, `${cookie}=${token}; ${attributes}`)
  }
  return {
    find(value) {
      const token = known.get(value.slice(0, FINDING))
      if (token === undefined || value.length !== token.whole.length) return undefined
      const given = Buffer.from(value, 'latin1')
      return timingSafeEqual(given, token.whole) ? token : undefined
    },
    line(server, overTls) {
      const flag = secure === true || (secure === 'auto' && overTls) ? '; Secure' : ''
      return `${lines.get(server)}${flag}`
    }
  }
}

function sign(secret: string, cookie: string, { identity }: Server): string {
  return createHmac('sha256', secret).update(`${cookie}\0${identity}`).digest('base64url')
}
