// The page of examples/edge.ts: each button sends its request and shows what came back.
const SHOWN = ['x-cache-status', 'age', 'cache-control', 'content-range', 'retry-after', 'x-frame-options']

function output(button) {
  const card = button.closest('section')
  return card.querySelector('pre') ?? card.appendChild(document.createElement('pre'))
}

function line(text, kind) {
  const element = document.createElement('span')
  element.textContent = `${text}\n`
  if (kind !== undefined) element.className = kind
  return element
}

async function show(button, url, options) {
  const started = performance.now()
  const response = await fetch(url, options)
  const body = await response.text()
  const time = `${Math.round(performance.now() - started)} ms`
  const fields = SHOWN.filter((name) => response.headers.has(name))
  output(button).replaceChildren(
    line(`${response.status} ${response.statusText} in ${time}`, response.ok ? 'good' : 'bad'),
    ...fields.map((name) => line(`${name}: ${response.headers.get(name)}`)),
    line(body.length > 1500 ? `${body.slice(0, 200)}…` : `\n${body}`)
  )
}

async function many(button, url) {
  const answers = await Promise.all(Array.from({ length: 10 }, () => fetch(url)))
  output(button).replaceChildren(...answers.map(({ status, ok }) => line(`${status}`, ok ? 'good' : 'bad')))
}

function upload(button) {
  return show(button, '/api/upload', { method: 'POST', body: new Uint8Array(Number(button.dataset.upload)) })
}

/** Past the browser's own cache, which would keep such a file for a year. */
function fresh(range) {
  return { cache: 'reload', headers: range === undefined ? {} : { range } }
}

/** The backend never gets to see it. */
function secret(path) {
  return path === '/api/whoami' ? { headers: { authorization: 'secret' } } : {}
}

let socket
function send(button, path) {
  const text = `hello at ${new Date().toLocaleTimeString()}`
  if (socket?.readyState === WebSocket.OPEN) return socket.send(text)
  const out = output(button)
  socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}${path}`)
  socket.onopen = () => socket.send(text)
  socket.onmessage = ({ data }) => out.prepend(line(`echo: ${data}`, 'good'))
  socket.onclose = ({ code }) => out.prepend(line(`closed, code ${code}`, 'bad'))
}

let events
function listen(button, path) {
  if (events !== undefined) {
    events.close()
    events = undefined
    return
  }
  const out = output(button)
  events = new EventSource(path)
  events.onmessage = ({ data }) => out.replaceChildren(line(data, 'good'))
  events.onerror = () => out.replaceChildren(line('away, trying again', 'bad'))
}

async function backend(action) {
  await fetch(`/demo/${action}`, { method: 'POST' })
  const word = document.getElementById('backend')
  word.textContent = action === 'kill' ? 'killed' : 'alive'
  word.className = action === 'kill' ? 'bad' : 'good'
}

async function refreshLog() {
  const records = await (await fetch('/demo/log')).json()
  const rows = records.slice(0, 12).map((record) => {
    const row = document.createElement('tr')
    const tries = (record.tries ?? []).map(({ server, status, error }) => `${server} ${status ?? error}`)
    const seconds = `${record.requestTime} s`
    const error = record.error?.code
    for (const text of [
      `${record.method} ${record.url}`,
      error === undefined ? record.status : `${record.status} ${error}`,
      record.cache,
      record.upstream,
      tries.join(', '),
      seconds
    ])
      row.append(Object.assign(document.createElement('td'), { textContent: text ?? '' }))
    return row
  })
  document.getElementById('log').replaceChildren(...rows)
}

async function act({ target: button }) {
  const { get, range, many: url, upload: size, socket: ws, events: sse, backend: action } = button.dataset
  if (get !== undefined) await show(button, get, get.startsWith('/assets') ? fresh(range) : secret(get))
  if (url !== undefined) await many(button, url)
  if (size !== undefined) await upload(button)
  if (ws !== undefined) send(button, ws)
  if (sse !== undefined) listen(button, sse)
  if (action !== undefined) await backend(action)
  await refreshLog()
}

document.addEventListener('click', (event) => {
  if (event.target.tagName === 'BUTTON') void act(event)
})
void refreshLog()
