// PURE. Faults on the way to a server: no name, no connection, no TLS, nobody left to ask.
import type { Fault } from './fault'

const CERTIFICATE = 'echo | openssl s_client -connect {address} -servername {host} | openssl x509 -noout'

const UNKNOWN_AUTHORITY =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:VERIFY|GET_ISSUER))/

const NO_TLS =
  /^(?:EPROTO|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL))$/

const NO_ALPN = /NO_APPLICATION_PROTOCOL|^ERR_NO_ALPN_H2$/

/** From the particular to the general: the last row of a code matches whatever is left. */
export const REACH_FAULTS: readonly Fault[] = [
  {
    name: 'connection refused',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ errno, server }) => errno === 'ECONNREFUSED' && !server?.startsWith('unix:'),
    option: 'server',
    next: 'nothing listens at {address}: start the server or correct {option}; `ss -ltn` on its host shows who listens where'
  },
  {
    name: 'unix socket without a listener',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ errno }) => errno === 'ECONNREFUSED',
    option: 'server',
    next: '{socket} was left behind by a server that has gone: start the server, which makes it anew; `ss -lx`'
  },
  {
    name: 'unix socket missing',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ errno }) => errno === 'ENOENT',
    option: 'server',
    next: '{socket} does not exist: start the server or correct {option}; in containers both need the directory; `ls -l {socket}`'
  },
  {
    name: 'unix socket not permitted',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ errno, server }) =>
      (errno === 'EACCES' || errno === 'EPERM') && server?.startsWith('unix:') === true,
    option: 'server',
    next: 'the user of this process may not write to {socket}: share a group with the server and let it make the socket with mode 660; `namei -l {socket}`'
  },
  {
    name: 'no file descriptor left',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ errno }) => errno === 'EMFILE' || errno === 'ENFILE',
    option: 'group.maxConnections',
    next: 'this process has as many files and sockets open as it may: raise `ulimit -n` (systemd: LimitNOFILE), or bound {option}'
  },
  {
    name: 'no local port left',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ errno }) => errno === 'EADDRNOTAVAIL',
    option: 'group.keepalive',
    next: 'every local port is taken by connections to {address}: raise {option} so that they are used again; `ss -s`'
  },
  {
    name: 'no route to the server',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ errno }) => errno === 'EHOSTUNREACH' || errno === 'ENETUNREACH',
    option: 'server',
    next: 'the network has no way to {address}: look at routes, firewall and network policies; `ip route get {host}`'
  },
  {
    name: 'server without HTTP/2',
    code: 'SLUICE_CONNECT_FAILED',
    when: ({ detail }) => detail?.includes('HTTP/2') === true,
    option: 'group.protocol',
    next: '{address} takes the connection and does not answer in HTTP/2: switch it on there, leave {option} away for HTTP/1.1, or write https:// if TLS is spoken; `curl -v --http2-prior-knowledge http://{address}/`'
  },
  {
    name: 'no connection, for another reason',
    code: 'SLUICE_CONNECT_FAILED',
    option: 'server',
    next: '{address} takes no connection: try it from this machine with `nc -vz {host} {port}`, and look at {option}'
  },
  {
    name: 'name does not exist (NXDOMAIN)',
    code: 'SLUICE_DNS',
    when: ({ errno }) => errno === 'ENOTFOUND' || errno === 'ENODATA',
    option: 'server',
    next: 'no such name as {host}: correct {option}, or add it to DNS or /etc/hosts; `getent hosts {host}` on this machine'
  },
  {
    name: 'name leads into a private network',
    code: 'SLUICE_DNS',
    when: ({ errno }) => errno === 'ERR_PRIVATE_ADDRESS',
    option: 'group.resolve.private',
    next: 'DNS has only private addresses for {host}, which {option} forbids: find out who answers for it, or leave {option} away; `dig +short {host}`'
  },
  {
    name: 'DNS server does not answer',
    code: 'SLUICE_DNS',
    option: 'server',
    next: 'the name {host} cannot be resolved now: look at the DNS servers in resolve.servers or /etc/resolv.conf; `getent hosts {host}` on this machine'
  },
  {
    name: 'TLS handshake takes too long',
    code: 'SLUICE_CONNECT_TIMEOUT',
    when: ({ phase }) => phase === 'tls',
    option: 'timeouts.connect',
    next: '{address} takes the connection and says nothing: it may speak no TLS at this port, or be stuck; `openssl s_client -connect {address}`'
  },
  {
    name: 'server says nothing in HTTP/2',
    code: 'SLUICE_CONNECT_TIMEOUT',
    when: ({ detail }) => detail?.includes('HTTP/2') === true,
    option: 'group.protocol',
    next: '{address} takes the connection and waits for something else than HTTP/2: leave {option} away for HTTP/1.1, or correct the port; `curl -v --http2-prior-knowledge http://{address}/`'
  },
  {
    name: 'connect timeout',
    code: 'SLUICE_CONNECT_TIMEOUT',
    option: 'timeouts.connect',
    next: '{address} does not answer at all: a firewall that drops, a wrong address, or a server too busy to accept (`ss -ltn`: Recv-Q above Send-Q); raise {option} only for a far one'
  },
  {
    name: 'certificate has expired',
    code: 'SLUICE_TLS',
    when: ({ errno }) => errno === 'CERT_HAS_EXPIRED',
    option: 'server',
    next: `the certificate of {address} must be renewed there; \`${CERTIFICATE} -dates\``
  },
  {
    name: 'certificate is not valid yet',
    code: 'SLUICE_TLS',
    when: ({ errno }) => errno === 'CERT_NOT_YET_VALID',
    option: 'server',
    next: `one of the two clocks is wrong: \`date\` here and on the server; \`${CERTIFICATE} -dates\``
  },
  {
    name: 'certificate of an unknown authority, or self-signed',
    code: 'SLUICE_TLS',
    when: ({ errno = '' }) => UNKNOWN_AUTHORITY.test(errno),
    option: 'group.tls.ca',
    next: 'give the authority that signed it (PEM text; a self-signed one is its own) in {option}, and let the server send the whole chain; `openssl s_client -connect {address} -servername {host} -showcerts`'
  },
  {
    name: 'certificate is for another name',
    code: 'SLUICE_TLS',
    when: ({ errno }) => errno === 'ERR_TLS_CERT_ALTNAME_INVALID',
    option: 'group.tls.servername',
    next: `set {option} to a name that is in the certificate; \`${CERTIFICATE} -ext subjectAltName\``
  },
  {
    name: 'https:// to a port without TLS',
    code: 'SLUICE_TLS',
    when: ({ errno = '' }) => NO_TLS.test(errno),
    option: 'server',
    next: '{address} does not speak TLS: write http:// in {option}, or the port that does; `curl -v http://{address}/`'
  },
  {
    name: 'server without HTTP/2 over TLS (ALPN)',
    code: 'SLUICE_TLS',
    when: ({ errno = '' }) => NO_ALPN.test(errno),
    option: 'group.protocol',
    next: '{address} does not offer h2: switch HTTP/2 on there, or leave {option} away for HTTP/1.1; `openssl s_client -connect {address} -alpn h2`'
  },
  {
    name: 'TLS handshake refused',
    code: 'SLUICE_TLS',
    option: 'group.tls',
    next: 'no TLS that both sides accept: it may want a client certificate (cert and key in {option}) or be older than TLS 1.2; `openssl s_client -connect {address} -servername {host}`'
  },
  {
    name: 'no live server',
    code: 'SLUICE_NO_SERVER',
    option: 'group',
    next: 'none of the servers of {option} can be asked now; `detail` has the last failure of each: mend that. One where nobody was there is dialled again a quarter of a second later; full ones want a higher maxConns or more servers'
  },
  {
    name: 'the breaker is open',
    code: 'SLUICE_CIRCUIT_OPEN',
    option: 'group.breaker',
    next: 'too many requests to this upstream failed, and {option} spares it: the records before this one say how they failed; mend that'
  },
  {
    name: 'upstream function without an upstream',
    code: 'SLUICE_UNKNOWN_UPSTREAM',
    option: 'upstream',
    next: '{detail}: return one of these names from {option}'
  }
]
