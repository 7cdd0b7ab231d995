// The one home of llhttp, which judges the framing of what servers send: the WebAssembly build that undici ships (RFC 9112).
import { sluiceError } from '../../errors'

/** What one parser tells while it reads. Positions are in the bytes that were given to `execute`. */
export interface ParserEvents {
  onName(start: number, end: number): void
  onValue(start: number, end: number): void
  /** 0: chunked content follows, `PAUSE` besides to stop behind the head; `NO_CONTENT`, or `REFUSE`. */
  onHeadersComplete(status: number): number
  onContent(start: number, end: number): void
}

/** What is wrong with the bytes; `errno` where the parser, or its limits, have a name for it. */
export interface Problem {
  readonly detail: string
  readonly errno: string | undefined
}

/** Answers of `onHeadersComplete`. */
export const PAUSE = 21
export const NO_CONTENT = 1
export const REFUSE = -1

/** Bytes that one `execute` takes at most: as many as Node reads from a socket at once. */
export const INPUT_BYTES = 64 * 1024

const OK = 0
const RESPONSE = 2

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  malloc(bytes: number): number
  llhttp_alloc(type: number): number
  llhttp_free(parser: number): void
  llhttp_reset(parser: number): void
  llhttp_resume(parser: number): void
  llhttp_execute(parser: number, at: number, length: number): number
  llhttp_get_error_pos(parser: number): number
  llhttp_get_error_reason(parser: number): number
  llhttp_errno_name(result: number): number
  llhttp_get_http_major(parser: number): number
  llhttp_get_http_minor(parser: number): number
  llhttp_message_needs_eof(parser: number): number
}

/** @types/node 20 does not know it. */
declare const WebAssembly: {
  readonly Module: {
    new (code: Buffer): object
    exports(module: object): readonly { readonly name: string; readonly kind: string }[]
    imports(module: object): readonly { readonly module: string; readonly name: string }[]
  }
  readonly Instance: new (module: object, imports: Record<string, Imports>) => { readonly exports: unknown }
}

type Imports = Record<string, (parser: number, at: number, length: number) => number>

const FUNCTIONS = [
  'malloc',
  'llhttp_alloc',
  'llhttp_free',
  'llhttp_reset',
  'llhttp_resume',
  'llhttp_execute',
  'llhttp_get_error_pos',
  'llhttp_get_error_reason',
  'llhttp_errno_name',
  'llhttp_get_http_major',
  'llhttp_get_http_minor',
  'llhttp_message_needs_eof'
] as const

/** Whose bytes are being read. Nothing that could read others runs before `execute` returns. */
let current: ParserEvents | undefined
let input = 0
let view = new Uint8Array(0)
let loaded: Exports | undefined

/** One connection's parser. It must be freed: its memory is not the collector's. */
export class Parser {
  readonly #events: ParserEvents
  readonly #llhttp: Exports
  #pointer: number

  constructor(events: ParserEvents) {
    this.#events = events
    this.#llhttp = loaded ??= load()
    this.#pointer = this.#llhttp.llhttp_alloc(RESPONSE)
  }

  /** Begins a new message, whatever came before. */
  reset(): void {
    this.#llhttp.llhttp_reset(this.#pointer)
  }

  /** Goes on behind a head at which it paused. */
  resume(): void {
    this.#llhttp.llhttp_resume(this.#pointer)
  }

  /** Reads `chunk` up to `end`; the result is 0 when it took all, `PAUSE` at the end of a head or a message, else the error. */
  execute(chunk: Buffer, start: number, end: number): number {
    inputView(this.#llhttp).set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end))
    current = this.#events
    offset = start - input
    try {
      return this.#llhttp.llhttp_execute(this.#pointer, input, end - start)
    } finally {
      current = undefined
    }
  }

  /** Where in the chunk the last `execute` stopped, when it did not take all. */
  get position(): number {
    return this.#llhttp.llhttp_get_error_pos(this.#pointer) + offset
  }

  /** What it could not read, by the `result` of `execute`. */
  problem(result: number): Problem {
    const reason = this.#text(this.#llhttp.llhttp_get_error_reason(this.#pointer))
    return { detail: reason, errno: this.#text(this.#llhttp.llhttp_errno_name(result)) }
  }

  /** `10` for HTTP/1.0. */
  get version(): number {
    const { llhttp_get_http_major: major, llhttp_get_http_minor: minor } = this.#llhttp
    return major(this.#pointer) * 10 + minor(this.#pointer)
  }

  /** Behind a head: it will take all that comes for content, until the connection ends. */
  get readsToEnd(): boolean {
    return this.#llhttp.llhttp_message_needs_eof(this.#pointer) !== 0
  }

  #text(at: number): string {
    const text = Buffer.from(this.#llhttp.memory.buffer, at, 128).toString('latin1')
    return text.slice(0, text.indexOf('\0'))
  }

  free(): void {
    if (this.#pointer === 0) return
    this.#llhttp.llhttp_free(this.#pointer)
    this.#pointer = 0
  }
}

/** From an address of the input to a position in the chunk. */
let offset = 0

/** Memory that grows is new memory: the old view is empty then. */
function inputView({ memory }: Exports): Uint8Array {
  if (view.byteLength === 0) view = new Uint8Array(memory.buffer, input, INPUT_BYTES)
  return view
}

function load(): Exports {
  try {
    const module = compile()
    const imports = { env: callbacks() }
    checkInterface(module, imports.env)
    const llhttp = new WebAssembly.Instance(module, imports).exports as Exports
    input = llhttp.malloc(INPUT_BYTES)
    return llhttp
  } catch (cause) {
    const detail = `undici does not carry the HTTP parser that client 'http1' needs (client: 'undici' does without): ${cause}`
    throw sluiceError('SLUICE_OPTIONS', { detail, cause })
  }
}

/** With SIMD where the machine has it; on ppc64 it is broken in Node before 24.12. */
function compile(): object {
  if (process.arch !== 'ppc64') {
    try {
      return new WebAssembly.Module(require('undici/lib/llhttp/llhttp_simd-wasm.js'))
    } catch {
      // Without it, then.
    }
  }
  return new WebAssembly.Module(require('undici/lib/llhttp/llhttp-wasm.js'))
}

/** Exactly the callbacks that we give, and every function that we call. */
function checkInterface(module: object, given: Imports): void {
  const asked = WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`)
  const ours = Object.keys(given).map((name) => `env.${name}`)
  if (asked.sort().join() !== ours.sort().join()) throw new Error(`it asks for ${asked.join(', ')}`)
  const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function')
  const names = new Set(functions.map(({ name }) => name))
  const missing = FUNCTIONS.filter((name) => !names.has(name))
  if (missing.length > 0) throw new Error(`it lacks ${missing.join(', ')}`)
}

function callbacks(): Imports {
  return {
    wasm_on_message_begin: () => OK,
    wasm_on_url: () => OK,
    wasm_on_status: () => OK,
    wasm_on_header_field: (_parser, at, length) => {
      current?.onName(at + offset, at + offset + length)
      return OK
    },
    wasm_on_header_value: (_parser, at, length) => {
      current?.onValue(at + offset, at + offset + length)
      return OK
    },
    wasm_on_headers_complete: (_parser, status) => current?.onHeadersComplete(status) ?? REFUSE,
    wasm_on_body: (_parser, at, length) => {
      current?.onContent(at + offset, at + offset + length)
      return OK
    },
    wasm_on_message_complete: () => PAUSE
  }
}
