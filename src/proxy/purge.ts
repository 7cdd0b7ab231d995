// PURGE on a route that takes it (`cache.purge`): purges its own URL, or tags, from the route's zone; never forwarded (proxy_cache_purge).
import type { BanOf } from '../cache/bans'
import { urlOf } from '../cache/purge'
import { responseTags } from '../cache/tags'
import { type SluiceError, sluiceError } from '../errors'
import { clientAddress } from '../http/address'
import type { Fields } from '../http/message'
import { answerError } from './error-page'
import type { RequestExchange } from './exchange'
import { endWithAnswer } from './linger'
import { publicAuthority } from './request'
import type { RoutePurge } from './route'

/** Answers `{"removed":1,"banned":0}`, 403 to whoever is not on the list, 405 on a route that does not take it. */
export function answerPurge(exchange: RequestExchange, purge: RoutePurge | null): void {
  if (purge === null) {
    exchange.reply.header('allow', exchange.settings.allow)
    answerError(exchange, sluiceError('SLUICE_METHOD_NOT_ALLOWED'))
    return
  }
  const { access, run } = purge
  const refused = refusePurge(exchange.request, access)
  if (refused !== undefined) {
    answerError(exchange, refused)
    return
  }
  run(purgedBy(exchange)).then(
    (purged) => send(exchange, purged),
    (error) => answerError(exchange, error)
  )
}

/** Who is in no rule is refused, other than by `access` of a route: a list that was forgotten must not open this. */
export function refusePurge(
  { headers, ips, ip, raw }: RequestExchange['request'],
  access: RoutePurge['access']
): SluiceError | undefined {
  const viaProxy = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined
  if (viaProxy && ips === undefined) {
    const detail =
      'cache.purge: it came through a proxy that is not in trustProxy, whose address says nothing about who asks'
    return sluiceError('SLUICE_FORBIDDEN', { detail })
  }
  const address = clientAddress(ip, raw.socket.remoteAddress)
  const { verdict, rule } = access.match(address)
  if (verdict === 'allow' && rule !== undefined) return undefined
  return sluiceError('SLUICE_FORBIDDEN', { detail: `cache.purge.access: ${address}` })
}

/** What a PURGE takes out: responses with its tags, or else its own URL. */
export function purgedBy({ request, target }: Pick<RequestExchange, 'request' | 'target'>): BanOf {
  const { protocol: scheme, headers } = request
  const tags = responseTags(headers as Fields).filter((tag) => tag !== '')
  if (tags.length > 0) return { tags }
  return { url: urlOf({ scheme, authority: publicAuthority(request), target: target.path + target.query }) }
}

function send({ request, reply }: RequestExchange, purged: object): void {
  if (reply.sent) return
  endWithAnswer(request, reply)
  reply
    .code(200)
    .header('content-type', 'application/json; charset=utf-8')
    .header('cache-control', 'no-store')
  reply.send(Buffer.from(JSON.stringify(purged)))
}
