// Upstreams that lie in HTTP/2: an error of ours before the head, a visible break after it, never a hang, a crash, or a stored half.
import { HTTP2_LIES } from './lies/http2'
import { startHttp2Liar } from './lies/liar'
import { testLies } from './lies/matrix'

testLies({ upstream: 'An HTTP/2 upstream', protocol: 'h2c', table: HTTP2_LIES, start: startHttp2Liar })
