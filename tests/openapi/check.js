// Lints the OpenAPI document and holds what the integration tests saw against it.
//
//   node check.js EXCHANGES
//
// EXCHANGES is what tests/integration/exchange_log.c has written; the document is in it, as
// the answer to GET /openapi.json.  Prints what is wrong, then how much was seen; the last
// line counts what was checked: the document; each operation, all of whose exchanges must be
// as documented; what is no operation, and must be refused; and each answer that is no
// error, which one test at least must have got.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { OpenApi } from './document.js';
import { ExchangeChecker } from './exchanges.js';

const SHOWN_MAX = 40;
const PROBLEM = 'application/problem+json';

async function* exchangesIn(file) {
  for await (const line of createInterface({ input: createReadStream(file, 'utf8') })) {
    yield JSON.parse(line);
  }
}

async function findDocument(file) {
  for await (const exchange of exchangesIn(file)) {
    const isDocument = exchange.method === 'GET' && exchange.target === '/openapi.json';
    if (isDocument && exchange.status === 200) return exchange.body;
  }
  throw new Error(`${file} has no GET /openapi.json`);
}

async function lint(source) {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  return problems.map(
    ({ ruleId, message, location }) => `lint: ${ruleId}: ${message} (${location[0]?.pointer})`,
  );
}

let shown = 0;
function show(faults) {
  for (const fault of faults) {
    if (++shown <= SHOWN_MAX) console.log(fault);
  }
}

let passed = 0;
let failed = 0;
function count(faults) {
  show(faults);
  if (faults.length === 0) passed++;
  else failed++;
}

const [file] = process.argv.slice(2);
const source = await findDocument(file);
count(await lint(source));

const openapi = new OpenApi(JSON.parse(source));
const checker = new ExchangeChecker(openapi);
const faultsOf = new Map(openapi.operations().map(({ operation }) => [operation.operationId, []]));
faultsOf.set('no operation', []);
let exchanges = 0;
for await (const exchange of exchangesIn(file)) {
  const { operationId, faults } = checker.check(exchange);
  const call = `${exchange.method} ${exchange.target} ${exchange.status}`;
  const list = faultsOf.get(operationId ?? 'no operation');
  for (const fault of faults) list.push(`${call}: ${fault}`);
  exchanges++;
}
for (const faults of faultsOf.values()) count(faults);

const answers = checker.answers();
for (const answer of answers.filter((text) => !text.endsWith(PROBLEM))) {
  count(checker.seen.has(answer) ? [] : [`no test has seen the answer ${answer}`]);
}
const seen = answers.filter((answer) => checker.seen.has(answer));
const errors = answers.filter((text) => text.endsWith(PROBLEM));
const errorsSeen = seen.filter((text) => text.endsWith(PROBLEM));
console.log(
  `openapi: ${exchanges} exchanges; ${seen.length - errorsSeen.length} of ${answers.length - errors.length} answers and ` +
    `${errorsSeen.length} of ${errors.length} errors were seen`,
);
if (process.env.V) {
  for (const answer of errors.filter((text) => !checker.seen.has(text))) {
    console.log(`not seen: ${answer}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
