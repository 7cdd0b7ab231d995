// proxy_request_buffering off: an upload over TLS by HTTP/1.1, 1 GiB. At most 45 s of it.
import { test } from 'node:test'
import { uploadWithCurl } from './curl'

test('curl: the upload arrives whole, and the memory stays flat (TLS, HTTP/1.1)', (t) =>
  uploadWithCurl(t, 'HTTP/1.1', 1024 ** 3))
