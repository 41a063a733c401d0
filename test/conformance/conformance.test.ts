// Runs the cases of cases.json against the server, on both databases, each with fixtures of its own.
import test, { type ExecutionContext } from 'ava';
import { encodeForm, publicUrl, type Reply, type RequestParts } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { forge } from '../helpers/issuer.ts';
import { type Case, type CaseRequest, cases, type Expected, findCase } from './cases.ts';
import { type Fixtures, makeFixtures } from './fixtures.ts';

/** Cases that are not run, since they need what is not there yet. This list only ever shrinks. */
const notYet = {
  'client assertions': ['AUTH-08', 'AUTH-15', 'AUTH-17'],
  'signed introspection answers': ['INT-30'],
  'server metadata': ['MET-01', 'MET-02', 'MET-04', 'MET-07', 'MET-10'],
};
const left: readonly string[] = Object.values(notYet).flat();

test('every case that is left out is a case of cases.json', (t) => {
  for (const id of left) t.is(findCase(id).id, id);
});

for (const one of cases.filter(({ id }) => !left.includes(id))) {
  testEachDatabase(`${one.id} ${one.request.method} ${one.request.path}: ${one.title}`, async (t, app) => {
    const fixtures = await makeFixtures(app);
    const head = await app.store.findEventHead();
    const replies = await send(fixtures, one.request);
    for (const reply of replies) check(t, one, reply);
    if (one.expect.sameAs) {
      const [other] = await send(fixtures, findCase(one.expect.sameAs).request);
      for (const reply of replies) t.deepEqual(likenessOf(reply), likenessOf(other as Reply));
    }
    for (const aftermath of one.after) {
      if ('audit' in aftermath) {
        const events = (await app.events(aftermath.audit)).filter(({ seq }) => seq > head);
        t.is(events.length, aftermath.count, `audit events ${aftermath.audit}`);
      } else {
        const auth = fixtures.clients.get(aftermath.as);
        const token = fixtures.tokens.get(aftermath.introspect) as string;
        const { body } = await app.form('/introspect', { token }, auth);
        t.is(body.active, aftermath.active, `${aftermath.introspect} afterwards`);
      }
    }
  });
}

async function send(fixtures: Fixtures, request: CaseRequest): Promise<Reply[]> {
  const headers = request.rawAuth ?? [undefined];
  const times = request.repeat ?? request.parallel ?? 1;
  const attempts = headers.flatMap((header) => Array.from({ length: times }, () => header));
  const sendOne = (header: string | undefined) => {
    const path = withTokens(fixtures, request.path);
    return fixtures.app.request(request.method, path, partsOf(fixtures, request, header));
  };
  if (request.parallel) return Promise.all(attempts.map(sendOne));
  const replies: Reply[] = [];
  for (const header of attempts) replies.push(await sendOne(header));
  return replies;
}

function partsOf(fixtures: Fixtures, request: CaseRequest, header: string | undefined): RequestParts {
  const form = Object.entries(request.form ?? {}).map(([name, value]) => [name, withTokens(fixtures, value)]);
  const body = request.raw ? withTokens(fixtures, request.raw) : encodeForm(Object.fromEntries(form));
  return {
    auth: header ?? authOf(fixtures, request.auth),
    headers: request.headers,
    type: request.contentType,
    body: request.method === 'GET' ? undefined : body,
  };
}

function authOf({ clients, tokens }: Fixtures, auth: string): RequestParts['auth'] {
  const [, kind = '', name = ''] = /^([^:]*):?(.*)$/s.exec(auth) ?? [];
  const client = clients.get(name);
  switch (kind) {
    case 'basic':
      return client;
    case 'basic-bad':
      return [name, 'wrong-secret'];
    case 'bearer':
      return `Bearer ${tokens.get(name)}`;
    case 'raw':
      return name;
    case 'none':
      return undefined;
    default:
      throw new Error(`the runner knows no way of authenticating called ${kind}`);
  }
}

/** Names of tokens stand for the tokens themselves, `{{forge:T}}` for T under a broken signature. */
function withTokens({ tokens }: Fixtures, text: string): string {
  return text
    .replace(/\{\{forge:(\w+)\}\}/g, (_, name) => forge(tokens.get(name) as string))
    .replace(/\b[A-Z][A-Z0-9_]+\b/g, (word) => tokens.get(word) ?? word);
}

function check(t: ExecutionContext, { expect }: Case, reply: Reply): void {
  t.true(expect.status.includes(reply.status), `status ${reply.status}`);
  for (const [name, expected] of Object.entries(expect.headers ?? {})) {
    const value = reply.headers[name];
    if (expected === 'ifStatus401') t.true(reply.status !== 401 || value !== undefined, name);
    else if (expected === '*') t.not(value, undefined, name);
    else t.true(value?.includes(expected.slice(1)), `${name}: ${value}`);
  }
  checkBody(t, expect, reply);
}

function checkBody(t: ExecutionContext, expect: Expected, { status, body }: Reply): void {
  const members = {
    ...expect.json,
    ...(status === 200 && expect.json200),
    ...(status === 400 && expect.json400),
  };
  for (const [name, expected] of Object.entries(members)) {
    t.true(isAsExpected(body[name], expected), `${name}: ${body[name]}`);
  }
  if (expect.jsonExact) t.deepEqual(body, expect.jsonExact);
  if (expect.noNulls) t.false(Object.values(body).includes(null));
  if (expect.types) checkTypes(t, body);
  if (expect.descriptionCharset) t.regex(body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
}

function isAsExpected(value: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) return expected.includes(value);
  switch (expected) {
    case 'string':
      return typeof value === 'string' && value !== '';
    case 'string:space-separated':
      return typeof value === 'string' && /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(value);
    case 'integer:seconds':
      return Number.isInteger(value) && Number(value) < 1e11;
    case '{{issuer}}':
      return value === publicUrl;
    default:
      return value === expected;
  }
}

/** RFC 7662 §2.2. */
function checkTypes(t: ExecutionContext, body: Record<string, unknown>): void {
  t.is(typeof body.active, 'boolean');
  for (const name of ['exp', 'iat', 'nbf']) {
    if (name in body) t.true(isAsExpected(body[name], 'integer:seconds'), name);
  }
  t.is(typeof body.scope, 'string');
  t.true(typeof body.aud === 'string' || Array.isArray(body.aud));
}

/** Two answers that a caller cannot tell apart. */
function likenessOf({ status, text, headers }: Reply): unknown {
  return { status, text, headers: Object.keys(headers).sort() };
}
