// What wrk is told to send, and what it says in the end. PURE.
import type { Load } from './load'
import type { Round } from './report'

/** From so many on a key is taken by chance: in turn, a cache would find what it is about to use already in a CPU's. */
const IN_TURN = 10_000

/** The script of a load. */
export function luaOf(load: Load): string {
  return `${requestsOf(load)}${REPORT}`
}

/** The round that the script has written. */
export function readReport(output: string): Round {
  const [requests = 0, us = 0, p50 = 0, p99 = 0, failed = 0] = (/^sluice (.*)$/m.exec(output)?.[1] ?? '')
    .split(' ')
    .map(Number)
  return { requests, perSecond: requests / (us / 1e6), p50Ms: p50 / 1000, p99Ms: p99 / 1000, failed }
}

function requestsOf({ url, method, fields, bodyBytes, spread, mixed }: Load): string {
  const same = [
    `wrk.method = "${method}"`,
    bodyBytes > 0 ? `wrk.body = string.rep("x", ${bodyBytes})` : '',
    ...Object.entries(fields).map(([name, value]) => `wrk.headers["${name}"] = ${JSON.stringify(value)}`)
  ].join('\n')
  if (mixed !== undefined) return mixedRequests(mixed)
  if (spread === 0) return `${same}\n`
  const next = spread >= IN_TURN ? `math.random(0, ${spread - 1})` : `n % ${spread}`
  const path = new URL(url).pathname
  return `${same}
math.randomseed(os.time())
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, "${path}/" .. math.floor(${next}))
end
`
}

/** A hundred requests, well mixed (37 has no divisor in common with 100), made once. */
function mixedRequests(tag: string): string {
  return `local mix = {}
init = function()
  local function add(from, to, request)
    for n = from, to do mix[n * 37 % 100] = request end
  end
  add(0, 79, wrk.format("GET", "/cached/1k"))
  add(80, 89, wrk.format("GET", "/1k"))
  add(90, 94, wrk.format("GET", "/files/1k"))
  add(95, 98, wrk.format("GET", "/cached/1k", { ["If-None-Match"] = ${JSON.stringify(tag)}, Host = wrk.headers["Host"] }))
  add(99, 99, wrk.format("POST", "/post", nil, string.rep("x", 1024)))
end
local n = 0
request = function()
  n = n + 1
  return mix[n % 100]
end
`
}

/** One line that needs no units: requests, microseconds, percentiles in microseconds, failures. */
const REPORT = `done = function(s, l)
  local e = s.errors
  io.write(string.format("sluice %d %d %d %d %d\\n", s.requests, s.duration, l:percentile(50), l:percentile(99),
    e.connect + e.read + e.write + e.timeout + e.status))
end
`
