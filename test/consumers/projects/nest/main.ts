// A NestJS app on the Fastify adapter: the edge is registered through it, controllers, guards and pipes of its own go on beside.
import 'reflect-metadata'
import { deepStrictEqual } from 'node:assert'
import {
  Body,
  type CanActivate,
  Controller,
  Get,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  Post,
  UseGuards
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import sluice, { defineSluice } from 'fastify-sluice'
import { EXPECTED, makeFolder, optionsFor, startOrigin, travel } from '../journey.cjs'

@Injectable()
class Numbers {
  double(value: number): number {
    return value * 2
  }
}

@Injectable()
class Nobody implements CanActivate {
  canActivate(): boolean {
    return false
  }
}

@Controller()
class Own {
  readonly #numbers: Numbers
  constructor(numbers: Numbers) {
    this.#numbers = numbers
  }

  @Get('own')
  own(): string {
    return 'the own route'
  }

  @Get('double/:value')
  double(@Param('value', ParseIntPipe) value: number): number {
    return this.#numbers.double(value)
  }

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    return body
  }

  @Get('secret')
  @UseGuards(Nobody)
  secret(): string {
    return 'secret'
  }
}

@Module({ controllers: [Own], providers: [Numbers] })
class App {}

async function main(): Promise<void> {
  const origin = await startOrigin()
  const folder = makeFolder()
  const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), { logger: false })
  app.enableCors()
  await app.register(sluice, defineSluice(optionsFor(origin, folder.root)))
  await app.listen(0, '127.0.0.1')
  const url = await app.getUrl()

  const fastify = app.getHttpAdapter().getInstance()
  deepStrictEqual(await travel(fastify, url), EXPECTED)

  const text = async (path: string, init?: RequestInit) => {
    const response = await fetch(url + path, init)
    return `${response.status} ${await response.text()}`
  }
  deepStrictEqual(await text('/double/21'), '200 42')
  const json = { method: 'POST', body: '{"b":2}', headers: { 'content-type': 'application/json' } }
  deepStrictEqual(await text('/echo', json), '201 {"b":2}')
  deepStrictEqual((await text('/secret')).slice(0, 3), '403')
  deepStrictEqual(await text('/nowhere'), '200 GET /nowhere for 127.0.0.1')

  const preflight = { origin: 'https://example.com', 'access-control-request-method': 'GET' }
  const cors = await fetch(`${url}/pages/2`, { method: 'OPTIONS', headers: preflight })
  deepStrictEqual([cors.status, cors.headers.get('access-control-allow-origin')], [204, '*'])

  await app.close()
  await origin.close()
  folder.remove()
  console.log('as expected')
}

void main()
