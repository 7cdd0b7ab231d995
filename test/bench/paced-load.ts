// Requests at a fixed pace, whether or not the last one has been answered: `BENCH_LOAD='{"url":…}'`. Prints a Round as JSON.
// A generator that waits for answers asks less while the server sleeps, and so hides that it does.
import { Agent, get } from 'node:http'
import { percentileOf } from './percentile'

interface Task {
  readonly url: string
  readonly perSecond: number
  readonly seconds: number
}

const { url, perSecond, seconds } = JSON.parse(process.env.BENCH_LOAD ?? '{}') as Task
const agent = new Agent({ keepAlive: true })
const latencies: number[] = []
let failed = 0

function ask(): Promise<void> {
  return new Promise((resolve) => {
    const sent = performance.now()
    const fail = () => {
      failed++
      resolve()
    }
    get(url, { agent }, (response) => {
      response.resume().on('error', fail)
      response.on('end', () => {
        if (response.statusCode !== 200) return fail()
        latencies.push(performance.now() - sent)
        resolve()
      })
    }).on('error', fail)
  })
}

async function main(): Promise<void> {
  const began = performance.now()
  const asked: Promise<void>[] = []
  const total = perSecond * seconds
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - began) / 1000) * perSecond)
      while (asked.length < due) asked.push(ask())
      if (asked.length >= total) {
        clearInterval(timer)
        resolve()
      }
    }, 1)
  })
  await Promise.all(asked)
  const took = (performance.now() - began) / 1000
  const at = percentileOf(latencies)
  const requests = latencies.length
  console.log(
    JSON.stringify({ requests, perSecond: requests / took, p50Ms: at(0.5), p99Ms: at(0.99), failed })
  )
  agent.destroy()
}

void main()
