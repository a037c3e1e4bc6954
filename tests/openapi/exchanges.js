// Holds one exchange, as tests/integration/exchange_log.c records it, against the document.
import { essence } from './document.js';

// Of every answer, of the connection, or of CORS.
const STANDARD_HEADERS = new Set([
  'access-control-allow-origin',
  'access-control-expose-headers',
  'connection',
  'content-length',
  'content-type',
  'date',
  'transfer-encoding',
  'vary',
]);

function parseHeaders(text) {
  // Behind what an interim answer (100) had.
  const block = text.slice(text.lastIndexOf('HTTP/1.1 '));
  const lines = block.split('\r\n').slice(1);
  const pairs = lines.filter((line) => line.includes(':'));
  return new Map(
    pairs.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

export class ExchangeChecker {
  constructor(openapi) {
    this.openapi = openapi;
    this.seen = new Set(); // "operationId status media/type"
  }

  /** The operation that it is of, if it is of one, and a list of what is wrong. */
  check(exchange) {
    const [path, query] = exchange.target.split('?');
    const headers = parseHeaders(exchange.headers ?? '');
    const found = this.openapi.findPath(path);
    // Methods are upper case: get is another one, which nothing has.
    const isMethod = /^[A-Z]+$/.test(exchange.method) && exchange.method !== 'PARAMETERS';
    const method = exchange.method === 'HEAD' ? 'get' : exchange.method.toLowerCase();
    const operation = isMethod ? found?.item[method] : undefined;
    if (!operation) return { faults: this.checkRefusal(exchange, headers, found) };
    return {
      operationId: operation.operationId,
      faults: [
        ...this.checkAnswer(exchange, headers, operation, ['paths', found.template, method]),
        ...(exchange.status < 300 ? this.checkRequest(exchange, query, found, method) : []),
      ],
    };
  }

  /** What the document does not have is OPTIONS, or refused: by a problem document of 404 or
   *  405, or of a status that any request may get before its address counts. */
  checkRefusal(exchange, headers, found) {
    const { method, status, body } = exchange;
    const early = [400, 401, 403, 408, 413, 414, 417, 429, 431, 503, 507];
    if (method === 'OPTIONS' && status === 204) {
      return headers.has('allow') ? [] : ['204 without Allow'];
    }
    if (![404, ...(found ? [405] : []), ...early].includes(status)) {
      return ['the document does not have it'];
    }
    if (status === 405 && !headers.has('allow')) return ['405 without Allow'];
    if (method === 'HEAD') return [];
    if (headers.get('content-type') !== 'application/problem+json') {
      return [`Content-Type ${headers.get('content-type')} of a problem document`];
    }
    return this.checkBody(body, ['components', 'schemas', 'Problem']);
  }

  checkBody(text, keys) {
    if (text === null) return [];
    try {
      const fault = this.openapi.fault(JSON.parse(text), keys);
      return fault ? [`the answer is not as ${this.openapi.pointer(keys)}: ${fault}`] : [];
    } catch (error) {
      return [`the answer is no JSON: ${error.message}`];
    }
  }

  checkAnswer(exchange, headers, operation, keys) {
    const response = this.openapi.resolve(operation.responses[exchange.status]);
    if (!response) return [`the status ${exchange.status} is not documented`];
    const faults = [];
    const documented = new Set(Object.keys(response.headers ?? {}).map((h) => h.toLowerCase()));
    for (const name of headers.keys()) {
      if (!STANDARD_HEADERS.has(name) && !documented.has(name)) {
        faults.push(`the header ${name} is not documented`);
      }
    }
    const type = headers.has('content-type') ? essence(headers.get('content-type')) : undefined;
    if (!response.content) {
      if (exchange.bytes > 0) faults.push('a body where none is documented');
    } else if (!response.content[type]) {
      faults.push(`the media type ${type} is not documented`);
    } else if (exchange.method !== 'HEAD' && type.endsWith('json')) {
      const of = [...keys, 'responses', String(exchange.status), 'content', type, 'schema'];
      faults.push(...this.checkBody(exchange.body, of));
    }
    this.seen.add(`${operation.operationId} ${exchange.status} ${type ?? '-'}`);
    return faults;
  }

  /** What was accepted must be what the document allows. */
  checkRequest(exchange, query, found, method) {
    const operation = found.item[method];
    const faults = [];
    for (const [name, value] of new URLSearchParams(query ?? '')) {
      const parameters = operation.parameters.map((parameter, index) => ({ parameter, index }));
      const match = parameters.find(({ parameter: p }) => p.in === 'query' && p.name === name);
      const keys = ['paths', found.template, method, 'parameters', match?.index, 'schema'];
      const fault = match
        ? this.openapi.fault(value, keys.map(String), this.openapi.texts)
        : 'is not documented';
      if (fault) faults.push(`the query parameter ${name}=${value}, which was taken: ${fault}`);
    }
    const content = operation.requestBody?.content;
    if (content?.['application/json'] && exchange.request) {
      const keys = ['paths', found.template, method, 'requestBody', 'content', 'application/json'];
      const body = JSON.parse(exchange.request.replace(/^\uFEFF/, ''));
      const fault = this.openapi.fault(body, [...keys, 'schema']);
      if (fault) faults.push(`the body, which was taken: ${fault}`);
    }
    return faults;
  }

  /** Documented answers that are no problem documents: "operationId status media/type". */
  answers() {
    return this.openapi.operations().flatMap(({ operation }) =>
      Object.entries(operation.responses).flatMap(([status, reference]) => {
        const types = Object.keys(this.openapi.resolve(reference).content ?? { '-': {} });
        return types.map((type) => `${operation.operationId} ${status} ${type}`);
      }),
    );
  }
}
