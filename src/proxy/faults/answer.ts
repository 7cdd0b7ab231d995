// PURE. Faults of the answer: none, none in time, none that is HTTP, or not all of it.
import type { Fault } from './fault'

const WANTS_CERTIFICATE =
  /CERTIFICATE_REQUIRED|ALERT_(?:BAD_CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA|NO_CERTIFICATE)/

/** As php-fpm is usually found: TCP port 9000, or a socket with its name. */
const FASTCGI_ADDRESS = /:9000$|^unix:.*(?:fpm|f(?:ast)?cgi)/

/** From the particular to the general: the last row of a code matches whatever is left. */
export const ANSWER_FAULTS: readonly Fault[] = [
  {
    name: 'server wants a client certificate',
    code: 'SLUICE_RESET',
    when: ({ errno = '' }) => WANTS_CERTIFICATE.test(errno),
    option: 'group.tls.cert',
    next: 'give {option} and its key, signed by an authority that the server trusts; `openssl s_client -connect {address}` names those'
  },
  {
    name: 'FastCGI, closed',
    code: 'SLUICE_RESET',
    when: ({ server = '' }) => FASTCGI_ADDRESS.test(server),
    option: 'server',
    next: '{address} closes without an answer, and php-fpm listens at such places: FastCGI is not HTTP; put a server that speaks both in between (`php -S` for a try), or correct {option}'
  },
  {
    name: 'idle connection closed as it was used',
    code: 'SLUICE_RESET',
    when: ({ reused }) => reused === true,
    option: 'group.keepaliveTimeout',
    next: 'the server closes idle connections sooner than we do, and this request must not be sent twice: set {option} below its own limit'
  },
  {
    name: 'closed or reset before the answer',
    code: 'SLUICE_RESET',
    option: 'server',
    next: '{address} took the request and closed: look in its log for a crash or restart at this time; if it never answers it may speak TLS (https://); `{curl}`'
  },
  {
    name: 'http:// to a TLS port',
    code: 'SLUICE_BAD_RESPONSE',
    when: ({ received = '' }) => received.startsWith('\x15\x03'),
    option: 'server',
    next: '{address} answers with a TLS alert: write https:// in {option}, or the port without TLS'
  },
  {
    name: 'FastCGI behind an HTTP upstream',
    code: 'SLUICE_BAD_RESPONSE',
    when: ({ received = '', server = '' }) => received.startsWith('\x01') || FASTCGI_ADDRESS.test(server),
    option: 'server',
    next: '{address} speaks FastCGI (php-fpm), not HTTP: put a server that speaks both in between, or correct {option}'
  },
  {
    name: 'HTTP/2 only',
    code: 'SLUICE_BAD_RESPONSE',
    when: ({ received = '' }) => received.startsWith('\0\0') && received[3] === '\x04',
    option: 'group.protocol',
    next: "{address} speaks only HTTP/2 (gRPC?), and was asked in HTTP/1.1: set {option} to 'h2c'"
  },
  {
    name: 'answer head too big',
    code: 'SLUICE_BAD_RESPONSE',
    when: ({ errno = '', detail }) =>
      /^(?:UND_ERR_HEADERS|HPE_HEADER)_OVERFLOW$/.test(errno) || detail?.startsWith('a head above') === true,
    option: 'server',
    next: 'the head of the answer is above 64 KiB, which no option raises: find the field that grows, often Set-Cookie; `{curl}`'
  },
  {
    name: 'answer is no HTTP',
    code: 'SLUICE_BAD_RESPONSE',
    when: ({ received, detail }) => received !== undefined && detail === undefined,
    option: 'server',
    next: 'something else than an HTTP server listens at {address} (`received` is how it began): correct {option}'
  },
  {
    name: 'answer breaks the rules of HTTP',
    code: 'SLUICE_BAD_RESPONSE',
    option: 'server',
    next: 'the head of the answer cannot be passed on safely (see `detail` and `message`): mend the server; `{curl}`'
  },
  {
    name: 'answer cut short',
    code: 'SLUICE_INCOMPLETE_RESPONSE',
    option: 'server',
    next: '{address} ended its answer before it was complete: look in its log for a crash, a restart or a timeout at this time; a wrong Content-Length does the same'
  },
  {
    name: 'auth service too slow',
    code: 'SLUICE_READ_TIMEOUT',
    when: ({ detail }) => detail?.startsWith('authRequest') === true,
    option: 'authRequest.timeout',
    next: 'the service of authRequest does not answer in time: see why, or raise {option}'
  },
  {
    name: 'no answer in time',
    code: 'SLUICE_READ_TIMEOUT',
    when: ({ phase }) => phase !== 'body',
    option: 'timeouts.read',
    next: '{address} has the request and is still at work: see what it waits for (its log, its database), or raise {option}'
  },
  {
    name: 'answer stops half-way',
    code: 'SLUICE_READ_TIMEOUT',
    option: 'timeouts.read',
    next: '{address} fell silent within its answer: see what it waits for; for answers with long pauses (events) raise {option}, or let the server send a comment now and then'
  },
  {
    name: 'server stops reading the upload',
    code: 'SLUICE_SEND_TIMEOUT',
    option: 'timeouts.send',
    next: '{address} no longer takes the content of the request: see what it waits for (disk, memory, a blocked loop), or raise {option}'
  },
  {
    name: 'one try too slow',
    code: 'SLUICE_TRY_TIMEOUT',
    option: 'timeouts.try',
    next: '{address} did not answer in the time of one try: see what it waits for, or raise {option}; `retry.on` with timeout goes on to another server'
  },
  {
    name: 'all tries together too slow',
    code: 'SLUICE_TOTAL_TIMEOUT',
    option: 'timeouts.total',
    next: '`tries` says where the time went; raise {option} if that is how long it takes'
  }
]
