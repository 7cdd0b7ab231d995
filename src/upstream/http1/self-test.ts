// Whether the parser that undici ships judges as strictly as we rely on: asked once, before the first connection (RFC 9112 §6, §7).
import { sluiceError } from '../../errors'
import { Framing, type FramingEvents } from './framing'

const HEAD = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`

/** What must be read as exactly this content, and what must be refused (`undefined`). */
const EXPECTED: readonly (readonly [bytes: string, content: string | undefined])[] = [
  [`${HEAD}A: b\r\nContent-Length: 3\r\n\r\nabc`, 'abc'],
  [`${CHUNKED}3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n`, 'abc'],
  [`${HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, undefined],
  [`${HEAD}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, undefined],
  [`${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, undefined],
  [`${HEAD}Content-Length : 1\r\n\r\na`, undefined],
  [`${HEAD}A: b\nContent-Length: 1\r\n\r\na`, undefined],
  [`${HEAD}A: b\r\n c\r\nContent-Length: 1\r\n\r\na`, undefined],
  [`${CHUNKED}1\na\r\n0\r\n\r\n`, undefined],
  [`${CHUNKED}1\r\nab\r\n0\r\n\r\n`, undefined],
  [`${CHUNKED}fffffffffffffffff\r\na\r\n0\r\n\r\n`, undefined]
]

let passed = false

/** Throws when it does not: nothing may be sent through it then. */
export function assertStrict(): void {
  if (passed) return
  for (const [bytes, expected] of EXPECTED) {
    const found = contentOf(bytes)
    if (found === expected) continue
    const detail = `the HTTP parser of undici reads ${JSON.stringify(bytes)} as ${JSON.stringify(found)}: client 'http1' cannot rely on it (client: 'undici' does without)`
    throw sluiceError('SLUICE_OPTIONS', { detail })
  }
  passed = true
}

/** Byte by byte, for that is the harder way. */
function contentOf(bytes: string): string | undefined {
  const framing = new Framing()
  let content = ''
  const events: FramingEvents = {
    onInterim: () => {},
    onHead: () => {},
    onContent: (part) => {
      content += part.toString('latin1')
    },
    onComplete: () => {}
  }
  framing.begin({ method: 'GET', upgrade: false }, events)
  let refused = false
  for (let at = 0; at < bytes.length && !refused; at++) {
    refused = framing.read(Buffer.from(bytes.charAt(at), 'latin1')) !== undefined
  }
  const whole = !refused && framing.complete
  framing.free()
  return whole ? content : undefined
}
