// Upstreams that lie in HTTP/1.1: an error of ours before the head, a visible break after it, never a hang, a crash, or a stored half.
import { HTTP1_LIES } from './lies/http1'
import { startHttp1Liar } from './lies/liar'
import { testLies } from './lies/matrix'

testLies({ upstream: 'An HTTP/1.1 upstream', protocol: 'http1', table: HTTP1_LIES, start: startHttp1Liar })
