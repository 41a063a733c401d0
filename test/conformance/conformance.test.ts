// Runs the cases of cases.json against the server, on both databases, each with fixtures of its own.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { publicUrl, type TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { sharedFolder } from '../helpers/folders.ts';
import { forge } from '../helpers/issuer.ts';
import { encodeForm, likenessOf, type Reply, type RequestParts } from '../helpers/requests.ts';
import { type Case, type CaseRequest, cases, type Expected, findCase } from './cases.ts';
import { type Fixtures, makeFixtures } from './fixtures.ts';

const settings = {
  AUTHORIZATION_SERVER_METADATA: JSON.stringify({
    response_types_supported: ['code'],
    token_endpoint: `${publicUrl}/token`,
  }),
  SIGNING_KEYS_FILE: join(sharedFolder(), 'signing-keys.json'),
};

for (const one of cases) {
  testEachDatabase(
    `${one.id} ${one.request.method} ${one.request.path}: ${one.title}`,
    async (t, app) => {
      const fixtures = await makeFixtures(app);
      const head = await app.store.findEventHead();
      const replies = await send(fixtures, one.request);
      for (const reply of replies) check(t, one, reply);
      if (one.expect.jwt) for (const reply of replies) await checkJwt(t, app, one.expect.jwt, reply);
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
    },
    settings,
  );
}

async function send(fixtures: Fixtures, request: CaseRequest): Promise<Reply[]> {
  const headers = request.rawAuth ?? [undefined];
  const times = request.repeat ?? request.parallel ?? 1;
  const attempts = headers.flatMap((header) => Array.from({ length: times }, () => header));
  const sendOne = async (header: string | undefined) => {
    const path = withTokens(fixtures, request.path);
    return fixtures.app.request(request.method, path, await partsOf(fixtures, request, header));
  };
  if (request.parallel) return Promise.all(attempts.map(sendOne));
  const replies: Reply[] = [];
  for (const header of attempts) replies.push(await sendOne(header));
  return replies;
}

async function partsOf(
  fixtures: Fixtures,
  request: CaseRequest,
  header: string | undefined,
): Promise<RequestParts> {
  const form: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.form ?? {})) {
    form[name] = value.startsWith('{{assert:') ? await fixtures.assertion() : withTokens(fixtures, value);
  }
  if (request.auth.startsWith('jwt:')) {
    const several = /\{aud:\[issuer,(.*)\]\}$/.exec(request.auth)?.[1];
    form.client_assertion = await fixtures.assertion(
      several === undefined ? publicUrl : [publicUrl, several],
    );
    form.client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  }
  const body = request.raw ? withTokens(fixtures, request.raw) : encodeForm(form);
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
    case 'jwt':
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
  if (expect.noEmptyArrays)
    t.false(Object.values(body).some((value) => Array.isArray(value) && value.length === 0));
  for (const name of expect.present ?? []) t.true(name in body, name);
  if (expect.methodsMatchBehaviour) {
    t.deepEqual(body[`${expect.methodsMatchBehaviour}_endpoint_auth_methods_supported`], [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ]);
  }
  if (expect.types) checkTypes(t, body);
  if (expect.descriptionCharset) t.regex(body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
}

async function checkJwt(
  t: ExecutionContext,
  app: TestApp,
  expected: NonNullable<Expected['jwt']>,
  { text }: Reply,
): Promise<void> {
  const keys = createLocalJWKSet((await app.get('/jwks')).body);
  const { payload } = await jwtVerify(text, keys, { typ: expected.header.typ });
  t.not(decodeProtectedHeader(text).alg, 'none');
  for (const [path, value] of Object.entries(expected.claims)) {
    const found = path
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], payload);
    if (value === 'integer') t.true(Number.isInteger(found), path);
    else t.true(isAsExpected(found, value), path);
  }
  for (const name of expected.absent) t.false(name in payload, name);
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
