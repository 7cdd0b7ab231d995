// proxy_request_buffering off: an upload over TLS by HTTP/2, 256 MiB: on two slow cores HTTP/2 takes four times as long as HTTP/1.1. At most 45 s of it.
import { test } from 'node:test'
import { uploadWithCurl } from './curl'

test('curl: the upload arrives whole, and the memory stays flat (TLS, HTTP/2)', (t) =>
  uploadWithCurl(t, 'HTTP/2', 256 * 1024 ** 2))
