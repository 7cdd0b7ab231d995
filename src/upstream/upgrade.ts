// The handshake that turns a connection into something else (RFC 9110 §7.8); on node:http, which shows a refusal whole.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type Phase, type SluiceError, sluiceError } from '../errors'
import { collectFields, endToEnd, trailerFields } from '../http/end-to-end'
import type { Fields, UpstreamResponse } from '../http/message'
import { ignore } from './dial'
import { failureOf } from './failure'
import { noteFailure, noting, secondsSince } from './record'
import { hasNoContent, MAX_HEAD_BYTES, MAX_INTERIM, refuseHead } from './response-head'
import type { Call, UpgradeResult } from './transport'

/** Asks for `request.fields.upgrade` on a socket that is dialled for it, and belongs to the caller once it has switched. */
export async function upgrade(
  dial: (call: Call) => Promise<Socket>,
  server: string,
  call: Call
): Promise<UpgradeResult> {
  const startedAt = performance.now()
  const socket = await noting(call, startedAt, dial(call))
  return new Promise((resolve, reject) => new Handshake({ socket, server, startedAt, call, resolve, reject }))
}

interface Parts {
  readonly socket: Socket
  readonly server: string
  /** When the try began, the connection's opening included. */
  readonly startedAt: number
  readonly call: Call
  readonly resolve: (result: UpgradeResult) => void
  readonly reject: (error: Error) => void
}

class Handshake {
  readonly #parts: Parts
  readonly #onIdle = () => this.#idle()
  #phase: Phase = 'header'
  #body: Readable | undefined
  #paused = false
  #ended = false
  #interim = 0

  constructor(parts: Parts) {
    this.#parts = parts
    const { call, socket } = parts
    const request = this.#open()
    if (request === undefined) return
    socket.setTimeout(call.timeouts.read)
    socket.on('timeout', this.#onIdle)
    request.on('upgrade', (response, _socket, head) => this.#onSwitched(response, head))
    request.on('response', (response) => this.#onRefused(response))
    request.on('information', ({ statusCode, rawHeaders }) => this.#onInterim(statusCode, rawHeaders))
    request.on('error', (error) => this.#fail(this.#failure(error)))
    socket.once('close', () => this.#fail(this.#failure(new Error('closed'))))
    call.abort.listen((reason) => this.#fail(reason))
    if (!this.#ended) request.end(Buffer.isBuffer(call.request.body) ? call.request.body : undefined)
  }

  /** Node throws on what it will not send. */
  #open(): ClientRequest | undefined {
    const { socket, call } = this.#parts
    const { method, path, fields } = call.request
    try {
      const headers = { ...fields, connection: 'Upgrade' }
      const createConnection = () => socket
      return httpRequest({
        createConnection,
        method,
        path,
        headers,
        setHost: false,
        maxHeaderSize: MAX_HEAD_BYTES
      })
    } catch (cause) {
      this.#fail(sluiceError('SLUICE_BAD_REQUEST', { cause, phase: 'send', requestSent: false }))
      return undefined
    }
  }

  #onSwitched(response: IncomingMessage, head: Buffer): void {
    const { socket, call, resolve } = this.#parts
    if (this.#ended) return
    const all = collectFields(response.rawHeaders)
    if (this.#phase === 'body') {
      this.#fail(this.#bad('a second response behind the refusal'))
      return
    }
    if (response.statusCode !== 101 || all.upgrade === undefined) {
      this.#fail(this.#bad(`status ${response.statusCode} in place of 101 with an upgrade field`))
      return
    }
    this.#noteHead(101)
    this.#end()
    call.abort.listen(undefined)
    // `upgrade` names what is spoken from here on: the one hop-by-hop field that the next hop needs.
    const fields: Fields = Object.assign(endToEnd(all), { upgrade: all.upgrade })
    resolve({ kind: 'switched', fields, socket, head })
  }

  #onRefused(response: IncomingMessage): void {
    const { call, resolve } = this.#parts
    const status = response.statusCode ?? 0
    response.on('error', (error) => this.#fail(this.#failure(error)))
    const problem = refuseHead(status, response.rawHeaders)
    if (problem !== undefined) {
      this.#fail(this.#bad(problem))
      return
    }
    this.#noteHead(status)
    this.#phase = 'body'
    const empty = hasNoContent(call.request.method, status)
    const fields = endToEnd(collectFields(response.rawHeaders))
    const answer: UpstreamResponse = { status, fields, body: empty ? null : this.#relay(response) }
    if (empty) this.#complete(response)
    else response.once('end', () => this.#complete(response, answer))
    resolve({ kind: 'refused', response: answer })
  }

  /** A stream of ours, so that its errors are ours and its end waits for the trailers. */
  #relay(response: IncomingMessage): Readable {
    const { socket, call } = this.#parts
    const body = new Readable({
      read: () => {
        this.#paused = false
        socket.setTimeout(this.#ended ? 0 : call.timeouts.read)
        response.resume()
      },
      destroy: (error, callback) => {
        this.#fail(error ?? new Error('the response is no longer wanted'))
        callback(error)
      }
    })
    response.on('data', (chunk: Buffer) => {
      if (body.push(chunk)) return
      this.#paused = true
      response.pause()
    })
    this.#body = body.on('error', ignore)
    return body
  }

  #complete(response: IncomingMessage, answer?: UpstreamResponse): void {
    if (this.#ended) return
    if (answer !== undefined && response.rawTrailers.length > 0) {
      answer.trailers = trailerFields(response.rawTrailers)
    }
    this.#end()
    this.#body?.push(null)
    this.#parts.socket.destroy()
  }

  #onInterim(status: number, raw: string[]): void {
    this.#interim++
    if (this.#interim > MAX_INTERIM) this.#fail(this.#bad(`more than ${MAX_INTERIM} interim responses`))
    else if (!this.#ended && status !== 100 && status !== 101) {
      this.#parts.call.onInformation?.(status, endToEnd(collectFields(raw)))
    }
  }

  /** Looks again after the next round of I/O: perhaps it was this process that stood still. */
  #idle(): void {
    const { socket } = this.#parts
    const { bytesRead } = socket
    setImmediate(() => {
      if (this.#ended || this.#paused || socket.bytesRead !== bytesRead) return
      this.#fail(sluiceError('SLUICE_READ_TIMEOUT', { ...this.#place(), errno: 'ETIMEDOUT' }))
    })
  }

  #fail(error: Error): void {
    if (this.#ended) return
    this.#end()
    noteFailure(this.#parts.call.record, error)
    this.#parts.socket.destroy()
    if (this.#body === undefined) this.#parts.reject(error)
    else this.#body.destroy(error)
  }

  #noteHead(status: number): void {
    this.#parts.call.record.status = status
    this.#parts.call.record.headerTime = secondsSince(this.#parts.startedAt)
  }

  #end(): void {
    this.#ended = true
    this.#parts.call.record.responseTime = secondsSince(this.#parts.startedAt)
    this.#parts.socket.setTimeout(0)
    this.#parts.socket.off('timeout', this.#onIdle)
  }

  #failure(cause: Error): SluiceError {
    return failureOf(cause, this.#place())
  }

  #bad(detail: string): SluiceError {
    return sluiceError('SLUICE_BAD_RESPONSE', { ...this.#place(), detail })
  }

  #place() {
    return { server: this.#parts.server, phase: this.#phase, requestSent: true, reused: false }
  }
}
