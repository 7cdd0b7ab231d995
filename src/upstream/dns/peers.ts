// PURE. The peers of a name: one for each address, with one of the other family to fall back on (nginx: resolve; RFC 8305).
import { isIPv6 } from 'node:net'

/** What one peer is dialled at: the first is its own address, any other is raced against it. */
export type PeerAddresses = readonly string[]

/**
 * A machine with both families shows up as two addresses, and DNS does not say which belong together: each IPv6 address gets an IPv4 one to fall
 * back on, so that broken IPv6 costs a moment and no request. What is left over stands alone.
 */
export function peersOf(addresses: readonly string[]): readonly PeerAddresses[] {
  const six = addresses.filter(isIPv6)
  const four = addresses.filter((address) => !isIPv6(address))
  const pairs = six.map((address, index) => {
    const other = four[index % four.length]
    return other === undefined ? [address] : [address, other]
  })
  return [...pairs, ...four.slice(six.length).map((address) => [address])]
}

/** The order to dial in: what worked last, then the families in turn, as the first address begins (RFC 8305 §4). */
export function dialOrder(addresses: readonly string[], preferred: string | undefined): readonly string[] {
  if (addresses.length < 2) return addresses
  const first = preferred !== undefined && addresses.includes(preferred) ? preferred : addresses[0]
  const rest = addresses.filter((address) => address !== first)
  const isFirstSix = isIPv6(first as string)
  const same = rest.filter((address) => isIPv6(address) === isFirstSix)
  const other = rest.filter((address) => isIPv6(address) !== isFirstSix)
  const order = [first as string]
  for (let index = 0; index < Math.max(same.length, other.length); index++) {
    order.push(...other.slice(index, index + 1), ...same.slice(index, index + 1))
  }
  return order
}
