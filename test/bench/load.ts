// One round of load over kept connections: h2load for HTTP/2, else wrk when it is installed, else autocannon.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { findTool } from '../support/tools'
import { onOthers } from './cpu'
import { luaOf, readReport } from './lua'
import { percentileOf } from './percentile'
import type { Round } from './report'

const HERE = join(__dirname, '..', '..', '..', 'test', 'bench')

/** What is asked, all the time, on each connection. */
export interface Load {
  readonly url: string
  readonly isHttp2: boolean
  readonly seconds: number
  readonly connections: number
  readonly method: 'GET' | 'POST'
  readonly fields: Readonly<Record<string, string>>
  readonly bodyBytes: number
  /** `/N` behind the URL, N below this. */
  readonly spread: number
  /** The entity tag of the conditional part of a mixed load. */
  readonly mixed: string | undefined
  /** A directory for what the generator has to read or write. */
  readonly scratch: string
}

/** Runs one round, on the CPU of the others. A round without an answer is a failed one. */
export async function makeLoad(load: Load): Promise<Round> {
  const round = await generated(load)
  return round.requests > 0 ? round : { ...round, requests: 0, failed: Math.max(1, round.failed) }
}

function generated(load: Load): Promise<Round> {
  if (load.isHttp2) return withH2load(load)
  const wrk = findTool('wrk')
  if (wrk !== undefined) return withWrk(wrk, load)
  if (load.mixed !== undefined || load.spread > 0)
    throw new Error('different requests in one load need wrk (Debian package wrk)')
  return withAutocannon(load)
}

async function withWrk(wrk: string, load: Load): Promise<Round> {
  const { url, seconds, connections, scratch } = load
  const script = join(scratch, 'request.lua')
  writeFileSync(script, luaOf(load))
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]
  return readReport(await onOthers(wrk, args))
}

/** Of each request h2load logs when it began, its status and how long it took, in microseconds. */
async function withH2load({ url, seconds, connections, fields, scratch }: Load): Promise<Round> {
  const h2load = findTool('h2load')
  if (h2load === undefined) throw new Error('HTTP/2 needs h2load (Debian package nghttp2-client)')
  const log = join(scratch, 'h2load.log')
  rmSync(log, { force: true })
  const streams = Math.min(4, connections)
  const headers = Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const limits = ['-t1', `-c${connections / streams}`, `-m${streams}`, `-D${seconds}`]
  await onOthers(h2load, [...limits, `--log-file=${log}`, ...headers, url])
  const lines = readFileSync(log, 'latin1').trimEnd().split('\n')
  const answers = lines.map((line) => line.split('\t').map(Number))
  const good = answers.filter(([, status = 0]) => status >= 200 && status < 400)
  const at = percentileOf(good.map(([, , us = 0]) => us / 1000))
  const failed = answers.length - good.length
  return { requests: good.length, perSecond: good.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), failed }
}

async function withAutocannon(load: Load): Promise<Round> {
  const { url, seconds, connections, method, fields, bodyBytes } = load
  const program = createRequire(join(HERE, 'package.json')).resolve('autocannon/autocannon.js')
  const headers = Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  const body = bodyBytes > 0 ? ['-b', 'x'.repeat(bodyBytes)] : []
  const limits = ['-j', '-n', '-c', `${connections}`, '-d', `${seconds}`, '-m', method]
  const output = await onOthers(process.execPath, [program, ...limits, ...headers, ...body, url])
  const { requests, latency, duration, errors, non2xx } = JSON.parse(output)
  return {
    requests: requests.total,
    perSecond: requests.total / duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: errors + non2xx
  }
}

/** A round of a load generator of our own: a program that prints it as JSON. */
export async function ownLoad(program: string, task: object): Promise<Round> {
  const env = { ...process.env, BENCH_LOAD: JSON.stringify(task) }
  return JSON.parse(await onOthers(process.execPath, [join(__dirname, program)], env))
}
