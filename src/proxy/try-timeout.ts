// The life line of one try: ends with the request's own, or when its head does not come in time (timeouts.try).
import { sluiceError } from '../errors'
import { Abort } from '../http/abort'

/** What a try lives by. */
export interface Life {
  readonly abort: Abort
  /** The try has its head, or has failed: from here on only the request's own end counts. */
  readonly settle: () => void
}

/** Without a limit the try lives as long as the request. */
export function lifeOfTry(request: Abort, limitMs: number, server: string): Life {
  if (limitMs === 0) return { abort: request, settle: nothing }
  const abort = new Abort()
  let settled = false
  request.listen((reason) => abort.abort(reason))
  // One more round of I/O: an answer that has come while this process stood still is one in time.
  const timer = setTimeout(() => setImmediate(expire), limitMs)
  return { abort, settle }

  function expire(): void {
    if (settled) return
    abort.abort(sluiceError('SLUICE_TRY_TIMEOUT', { server, phase: 'header', errno: 'ETIMEDOUT' }))
  }
  function settle(): void {
    settled = true
    clearTimeout(timer)
  }
}

function nothing(): void {}
