// Node's fetch (18 and later), as a web service would use it; see run.sh.
import diagnostics from 'node:diagnostics_channel'

const { MLPD_ORIGIN, ADMIN_TOKEN, READ_TOKEN } = process.env
const models = `${MLPD_ORIGIN}/v1/models`
const model = `${models}/fetch`

let passed = 0
let failed = 0

function want(what, found, wanted) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a === b) {
    passed++
  } else {
    failed++
    console.log(`fetch: ${what}: found ${a}; wanted ${b}`)
  }
}

async function call(url, options = {}, token = ADMIN_TOKEN) {
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...options.headers }
  const answer = await fetch(url, { ...options, headers })
  const text = await answer.text()
  const json = text !== '' ? JSON.parse(text) : {}
  return { status: answer.status, headers: answer.headers, text, json }
}

const json = (method, value, headers) => ({
  method,
  body: JSON.stringify(value),
  headers: { 'Content-Type': 'application/json', ...headers },
})

function wantProblem(what, answer, status, pointer) {
  want(`${what}: status`, answer.status, status)
  want(`${what}: type`, answer.headers.get('Content-Type'), 'application/problem+json')
  want(`${what}: status in the document`, answer.json.status, status)
  if (pointer !== undefined) {
    want(`${what}: pointer`, answer.json.pointer, pointer)
  }
}

// Every connection that fetch opens.
let connections = 0
diagnostics.subscribe('undici:client:connected', () => connections++)

// ---- create ----

const body = {
  name: 'fetch',
  inputs: 2,
  layers: [8, 2],
  optimizer: { name: 'adam', learning_rate: 0.05 },
}
let answer = await call(models, json('POST', body), null)
wantProblem('no token', answer, 401)
want('no token: what to send', answer.headers.get('WWW-Authenticate'), 'Bearer realm="mlpd"')
wantProblem('a reader creates', await call(models, json('POST', body), READ_TOKEN), 403)
answer = await call(models, json('POST', body))
want('create', [answer.status, answer.headers.get('Location')], [201, '/v1/models/fetch'])
const etag = answer.headers.get('ETag')
wantProblem('create again', await call(models, json('POST', body)), 409)

// ---- train ----

const batch = { inputs: [[0, 0], [0, 1], [1, 0], [1, 1]], labels: [0, 1, 1, 0] }
const waits = { Prefer: 'wait=30' }
const before = connections
for (let i = 1; i <= 10; i++) {
  answer = await call(`${model}/batches`, json('POST', batch, waits))
  const { batch: number, state, step } = answer.json
  want(`batch ${i}`, [answer.status, number, state, step], [200, i, 'trained', i])
}
want('the preference', answer.headers.get('Preference-Applied'), 'wait=30')
want('connections opened meanwhile', connections - before, 0)

// Many at once: fetch opens more connections, and every batch has a number of its own.
const three = await Promise.all([1, 2, 3].map(() => call(`${model}/batches`, json('POST', batch))))
want('three at once', three.map((one) => one.status), [202, 202, 202])
want('their numbers', three.map((one) => one.json.batch).sort((a, b) => a - b), [11, 12, 13])
answer = await call(`${model}?wait_step=13`)
want('waiting for their step', [answer.status, answer.json.step], [200, 13])

// safetensors by hand: eight bytes of length, the header, float32 and bytes.
const header = Buffer.from(JSON.stringify({
  inputs: { dtype: 'F32', shape: [4, 2], data_offsets: [0, 32] },
  labels: { dtype: 'U8', shape: [4], data_offsets: [32, 36] },
}))
const length = Buffer.alloc(8)
length.writeBigUInt64LE(BigInt(header.length))
const numbers = Buffer.alloc(32)
batch.inputs.flat().forEach((x, i) => numbers.writeFloatLE(x, 4 * i))
const tensors = Buffer.concat([length, header, numbers, Buffer.from(batch.labels)])
const binary = { 'Content-Type': 'application/vnd.safetensors', ...waits }
answer = await call(`${model}/batches`, { method: 'POST', body: tensors, headers: binary })
want('a batch of bytes', [answer.status, answer.json.batch, answer.json.state], [200, 14, 'trained'])

// The same as a stream, whose length fetch does not know: chunked.
const stream = new Blob([tensors]).stream()
answer = await call(`${model}/batches`, { method: 'POST', body: stream, duplex: 'half', headers: binary })
want('a batch in chunks', [answer.status, answer.json.batch, answer.json.state], [200, 15, 'trained'])

// ---- watch ----

answer = await call(`${model}/loss?after=13`)
want('the loss', [answer.status, answer.json.points.map((p) => p.batch)], [200, [14, 15]])
const poll = call(`${model}/loss?after=15&wait=30`)
want('a poll that is given up', await fetch(`${model}/loss?after=99&wait=30`, {
  headers: { Authorization: `Bearer ${READ_TOKEN}` },
  signal: AbortSignal.timeout(50),
}).catch((error) => error.name), 'TimeoutError')
await call(`${model}/batches`, json('POST', batch))
answer = await poll
want('a long poll', [answer.status, answer.json.points.map((p) => p.batch)], [200, [16]])

// Events: all that is kept, then what comes; and again, behind the one that was seen last.
async function* events(headers) {
  const stop = new AbortController()
  const options = { headers: { Authorization: `Bearer ${READ_TOKEN}`, ...headers }, signal: stop.signal }
  const { body } = await fetch(`${model}/loss`, options)
  let text = ''
  try {
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const parts = (text + chunk).split('\n\n')
      text = parts.pop()
      for (const part of parts) {
        const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: ?(.*)/s)))
        if (fields.data !== undefined) {
          yield { id: fields.id, ...JSON.parse(fields.data) }
        }
      }
    }
  } finally {
    stop.abort()
  }
}
async function eventsUntil(last, headers) {
  const found = []
  for await (const event of events({ Accept: 'text/event-stream', ...headers })) {
    found.push(event)
    if (event.batch === last) {
      break
    }
  }
  return found
}
const table = {
  method: 'POST',
  body: batch.inputs.map((row, i) => [...row, batch.labels[i]].join(',')).join('\n'),
  headers: { 'Content-Type': 'text/csv', 'Idempotency-Key': '"fetch-17"', ...waits },
}
const streamed = eventsUntil(17)
answer = await call(`${model}/batches`, table)
want('a table', [answer.status, answer.json.batch, answer.json.state], [200, 17, 'trained'])
want('events', (await streamed).map((one) => one.batch), Array.from({ length: 17 }, (_, i) => i + 1))
const resumed = await eventsUntil(17, { 'Last-Event-ID': '15' })
want('events after the 15th', resumed.map((one) => one.id), ['16', '17'])

// Sent again, because the answer was lost, say: trained once.
answer = await call(`${model}/batches`, table)
want('the same table again', [answer.status, answer.json.batch], [200, 17])
wantProblem('another table under its key', await call(`${model}/batches`, { ...table, body: '0,0,0' }), 422)

// ---- predict ----

const question = { inputs: [[0, 1]], min_step: 17 }
answer = await call(`${model}/predictions`, json('POST', question), READ_TOKEN)
want('a prediction', [answer.status, answer.json.model, answer.json.step], [200, 'fetch', 17])
const { probabilities } = answer.json.predictions[0]
want('its probabilities', Math.abs(probabilities[0] + probabilities[1] - 1) < 1e-6, true)
answer = await call(`${model}/evaluations`, json('POST', batch))
want('an evaluation', [answer.status, answer.json.examples], [200, 4])

// ---- refused ----

const form = new URLSearchParams({ inputs: '[[0,1]]' })
wantProblem('a form', await call(`${model}/batches`, { method: 'POST', body: form }), 415)
const text = JSON.stringify(batch)
wantProblem('text without a type', await call(`${model}/batches`, { method: 'POST', body: text }), 415)
const post = (value) => call(`${model}/batches`, { ...json('POST', 0), body: value })
wantProblem('broken JSON', await post('{"inputs": [[0,0]], "labels": [0'), 400)
wantProblem('a label out of range', await post('{"inputs": [[0,0]], "labels": [7]}'), 422, '/labels/0')
wantProblem('a row too wide', await post('{"inputs": [[0,0,0]], "labels": [1]}'), 422, '/inputs/0')
wantProblem('no such model', await call(`${models}/nobody`), 404)
wantProblem('a trailing slash', await call(`${models}/`), 404)
answer = await call(model, json('PUT', {}))
wantProblem('PUT', answer, 405)
want('PUT: Allow', /GET, HEAD, PATCH, DELETE/.test(answer.headers.get('Allow')), true)
want('HEAD', (await call(model, { method: 'HEAD' })).status, 200)
want('OPTIONS without a token', (await call(model, { method: 'OPTIONS' }, null)).status, 204)

// 64 MiB and a byte.  Fetch writes the body without a look at the answer; it must get
// the answer all the same, every time, and not a broken pipe.
const large = Buffer.alloc((64 << 20) + 1)
for (let i = 1; i <= 5; i++) {
  const options = { ...json('POST', 0), body: large }
  const refused = await call(`${model}/batches`, options).catch((error) => ({
    status: `${error.cause ?? error}`,
    headers: new Headers(),
    json: {},
  }))
  wantProblem(`a large body, time ${i}`, refused, 413)
}

// ---- the end ----

answer = await call(`${model}?weights_sha256=true`)
want('after all that', [answer.status, answer.json.step], [200, 17])
console.log(`weights ${answer.json.weights_sha256}`)
want('delete', (await call(model, { method: 'DELETE' })).status, 204)
wantProblem('the deleted model', await call(model), 404)

console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
