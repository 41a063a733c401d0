// Bodies over the limit: whoever sends one reads why it is refused, whether or not they said how long it is, and is
// not listened to for ever.
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { TestApp } from '../../helpers/app.ts';
import { formType } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import { type Auth, authorization } from '../../helpers/requests.ts';
import { problemsOf } from '../../helpers/response-contract.ts';

testEachDatabase('POST of a body over the limit that does not say its length is 413 too', async (t, app) => {
  const issuer = await app.issuer();
  const large = Buffer.alloc(70_000, 'x');
  const paths = ['/revoke', '/introspect', '/logout', '/v1/clients'];
  for (const path of paths) {
    const auth = path === '/v1/clients' ? await app.addClient({ permissions: ['admin'] }) : issuer;
    const isForm = path === '/revoke' || path === '/introspect';
    const status = await sendChunked(t, app, path, auth, isForm ? formType : 'application/json', large);
    t.is(status, 413, path);
  }
});

testEachDatabase('POST of a body at the limit is read, whether or not it says its length', async (t, app) => {
  const caller = await app.issuer();
  const body = 'token=x&'.padEnd(65_536, 'x');
  t.is((await app.form('/revoke', body, caller)).status, 200);
  t.is(await sendChunked(t, app, '/revoke', caller, formType, Buffer.from(body)), 200);
});

testEachDatabase(
  'who is refused for the length of a body reads why, and is cut off when they never stop',
  async (t, app) => {
    const { client_id, secret } = await app.issuer();
    for (const path of ['/revoke', '/logout']) {
      const send = async (bytes: number, pieces: number) => {
        const request = httpRequest(`${app.url}${path}`, {
          method: 'POST',
          auth: `${client_id}:${secret}`,
          headers: {
            'content-type': path === '/revoke' ? formType : 'application/json',
            'content-length': bytes,
          },
        });
        const closed = new Promise<'cut off'>((resolve) => request.on('error', () => resolve('cut off')));
        const answered = once(request, 'response').then(async ([response]) => {
          await text(response);
          return response.statusCode as number;
        });
        answered.catch(() => {});
        for (let n = 0; n < pieces && !request.destroyed; n++) {
          request.write(Buffer.alloc(bytes / pieces, 'x'));
          await setTimeout(1);
        }
        return { closed, answered, request };
      };
      const patient = await send(2 ** 20, 32);
      patient.request.end();
      t.is(await patient.answered, 413, path);
      const { closed, answered } = await send(2 ** 25, 64);
      t.is(await answered, 413, path);
      t.is(await closed, 'cut off', path);
    }
  },
);

testEachDatabase(
  'a body that is refused by its header is not asked for (RFC 9110 §10.1.1)',
  async (t, app) => {
    const client = await app.addClient();
    const post = (path: string, headers: Record<string, string | number>, body: string) =>
      new Promise<[isAskedFor: boolean, status: number]>((resolve, reject) => {
        const request = httpRequest(`${app.url}${path}`, {
          method: 'POST',
          headers: { authorization: authorization(client), expect: '100-continue', ...headers },
        });
        let isAskedFor = false;
        request.on('continue', () => {
          isAskedFor = true;
          request.end(body);
        });
        request.on('response', (response) => {
          response.resume();
          resolve([isAskedFor, response.statusCode ?? 0]);
          request.destroy();
        });
        request.on('error', reject);
        request.flushHeaders();
      });
    const form = { 'content-type': formType };
    t.deepEqual(await post('/revoke', { ...form, 'content-length': 7 }, 'token=x'), [true, 200]);
    const more = { ...form, 'content-length': 7, expect: 'more=than that, 100-Continue' };
    t.deepEqual(await post('/revoke', more, 'token=x'), [true, 200], 'among other expectations');
    t.deepEqual(await post('/revoke', { ...form, 'content-length': 7_000_000 }, ''), [false, 413]);
    t.deepEqual(await post('/revoke', { 'content-length': 7 }, ''), [false, 400]);
    t.deepEqual(await post('/nowhere', { ...form, 'content-length': 7 }, ''), [false, 404]);
  },
);

function sendChunked(
  t: ExecutionContext,
  app: TestApp,
  path: string,
  auth: Auth,
  type: string,
  body: Buffer,
): Promise<number> {
  const { client_id, secret } = auth as { client_id: string; secret: string };
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${app.url}${path}`, {
      method: 'POST',
      auth: `${client_id}:${secret}`,
      headers: { 'content-type': type, 'transfer-encoding': 'chunked' },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      text(response).then((body) => {
        const status = response.statusCode ?? 0;
        const headers = response.headers as Record<string, string>;
        t.deepEqual(problemsOf({ method: 'POST', path, status, headers, text: body }, []), []);
        resolve(status);
      }, reject);
    });
    request.end(body);
  });
}

testEachDatabase('a body that comes byte by byte is read as any other', async (t, app) => {
  const { client_id, secret } = await app.issuer();
  const auth = `${client_id}:${secret}`;
  const line = `${JSON.stringify(app.registration({ token: 'byte-by-byte', client_id: 'web' }))}${' '.repeat(700)}`;
  for (const [path, type, body] of [
    ['/v1/tokens', 'application/x-ndjson', `${line}\n${line}\n`],
    ['/v1/tokens', 'application/json', `[${line},${line}]`],
    ['/revoke', formType, `token=${'x'.repeat(1_000)}`],
  ] as const) {
    const headers = { 'content-type': type };
    const request = httpRequest(`${app.url}${path}`, { method: 'POST', auth, headers });
    const answered = once(request, 'response');
    for (const byte of body) request.write(byte);
    request.end();
    const [response] = await answered;
    t.is(response.statusCode, 200, type);
    const answer = await text(response);
    if (path === '/v1/tokens') t.is(answer.split('"active":true').length, 3, answer);
  }
});

testEachDatabase(
  'of bodies that never end 64 MiB are held; beyond that the oldest get 503, and all others are read',
  async (t, app) => {
    const bytes = 262_144;
    const tooMany = 3;
    const senders = Array.from({ length: 2 ** 26 / bytes + tooMany }, () =>
      httpRequest(`${app.url}/introspect/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': bytes },
      }),
    );
    t.teardown(() => {
      for (const sender of senders) sender.destroy();
    });
    const answers: IncomingMessage[] = [];
    // All but one byte, one after another, so that it is known who is the oldest.
    for (const sender of senders) {
      sender.on('error', () => {});
      sender.on('response', (response) => answers.push(response));
      await new Promise((resolve) => sender.write(Buffer.alloc(bytes - 1, ' '), resolve));
    }
    await eventually(() => answers.length === tooMany || undefined);
    for (const answer of answers) {
      t.is(answer.statusCode, 503);
      t.is(answer.headers['retry-after'], '1');
      const { error_description } = JSON.parse(await text(answer));
      t.is(error_description, 'too many bodies are on their way, at most 64 MiB of them may be; try again');
    }
    const token = await app.register({ client_id: 'web' });
    t.true(await app.isActive(token), 'others are read');
    const { text: metrics } = await app.get('/metrics', await app.addClient({ permissions: ['metrics'] }));
    t.regex(metrics, new RegExp(`^revocation_overload_refusals_total\\{work="body"\\} ${tooMany}$`, 'm'));
    const last = senders.at(-1) as ClientRequest;
    const answered = once(last, 'response');
    last.end(' ');
    t.is((await answered)[0].statusCode, 400, 'who had room is read to the end, and sent no JSON');
  },
);
