// How a port is closed: nobody who sent a request in good faith goes without an answer.
import { once } from 'node:events';
import { request as httpRequest, type RequestListener, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { Listener } from '../../../src/http/connection/listener.ts';
import { eventually } from '../../helpers/eventually.ts';

// Longer than a test may take: whatever waits for its end fails.
const patienceMs = 600_000;
// Half as long as kept connections stay open otherwise.
const soonMs = 30_000;
const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

function open(handle: RequestListener, openFilesMax?: number): Promise<Listener> {
  const answer: RequestListener = (request, response) =>
    request.url === '/taken' ? response.end() : handle(request, response);
  const where = { host: '127.0.0.1', port: 0, workers: 1 };
  return Listener.open(answer, openFilesMax === undefined ? where : { ...where, openFilesMax });
}

/** A connection that the listener has taken: it takes them in their order, and has answered on a later one. */
async function connectTo(t: ExecutionContext, { url }: Listener): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  await fetch(`${url}/taken`, { headers: { connection: 'close' } });
  return socket;
}

/** Sends a request, and reads its whole answer, which comes in one piece. Rejects if the connection ends instead. */
function ask(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(String(data)));
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('the connection ended without an answer')));
    socket.write(request);
  });
}

test('a request that was on its way when the port closed is answered, and is the last', async (t) => {
  let answered = 0;
  const listener = await open((_request, response) => {
    answered += 1;
    response.end('yes');
  });
  const kept = await Promise.all(Array.from({ length: 50 }, () => connectTo(t, listener)));
  for (const answer of await Promise.all(kept.map(ask))) t.regex(answer, /Connection: keep-alive/);
  const fresh = await connectTo(t, listener);
  const { url } = listener;
  const closed = listener.close(patienceMs);
  for (const answer of await Promise.all([...kept, fresh].map(ask)))
    t.regex(answer, /^HTTP\/1\.1 200 OK.*Connection: close.*yes/s);
  await closed;
  t.is(answered, 101);
  await t.throwsAsync(fetch(url));
});

for (const expected of ['100-continue', 'who knows what'])
  test(`so is one whose sender expects ${expected}`, async (t) => {
    const listener = await open((_request, response) => {
      // Otherwise Node ends the connection, as it takes the body for unsent.
      response.writeContinue();
      response.end('yes');
    });
    const socket = await connectTo(t, listener);
    const closed = listener.close(patienceMs);
    socket.write(request.replace('\r\n\r\n', `\r\nExpect: ${expected}\r\n\r\n`));
    t.regex(await text(socket), /HTTP\/1\.1 200 OK.*Connection: close.*yes/s);
    await closed;
  });

test('an answer that had begun when the port closed ends, and one more request is answered', async (t) => {
  const answers: ServerResponse[] = [];
  const listener = await open((_request, response) => {
    answers.push(response);
    if (answers.length <= 2) response.write('begun');
    else response.end('one more');
  });
  const [socket, silent] = [await connectTo(t, listener), await connectTo(t, listener)];
  for (const begun of [socket, silent]) t.regex(await ask(begun), /Connection: keep-alive.*begun/s);
  const began = performance.now();
  const closed = listener.close(patienceMs);
  const ended = once(silent.resume(), 'close');
  for (const answer of answers) answer.end();
  await once(socket, 'data');
  t.regex(await ask(socket), /Connection: close.*one more/s);
  await Promise.all([closed, ended]);
  t.true(performance.now() - began < soonMs);
  t.is(answers.length, 3);
});

test('an answer that had not begun when the port closed is the last', async (t) => {
  const answers: ServerResponse[] = [];
  const listener = await open((_request, response) => answers.push(response));
  const socket = await connectTo(t, listener);
  const answer = ask(socket);
  await eventually(async () => answers.length === 1 || undefined);
  const closed = listener.close(patienceMs);
  answers[0]?.end('late');
  t.regex(await answer, /Connection: close.*late/s);
  await closed;
});

test('connections on which nothing comes do not keep the port from closing', async (t) => {
  const listener = await open((_request, response) => response.end());
  const [unused, kept, begun] = [
    await connectTo(t, listener),
    await connectTo(t, listener),
    await connectTo(t, listener),
  ];
  await ask(kept);
  begun.write('GET / HTTP/1.1\r\n');
  const ended = [unused, kept, begun].map((socket) => once(socket.resume(), 'close'));
  const began = performance.now();
  await listener.close(patienceMs);
  t.true(performance.now() - began < soonMs);
  await Promise.all(ended);
});

test('a request that a busy server has not read yet is answered, however long ago it came', async (t) => {
  const listener = await open((_request, response) => response.end('yes'));
  const kept = await connectTo(t, listener);
  await ask(kept);
  const closed = listener.close(patienceMs);
  const answer = ask(kept);
  // Longer than connections may be silent, and nothing is read meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  t.regex(await answer, /Connection: close.*yes/s);
  await closed;
});

test('a slow answer on a connection that had been silent is waited for', async (t) => {
  const answers: ServerResponse[] = [];
  const listener = await open((_request, response) => answers.push(response));
  const [slow, silent] = [await connectTo(t, listener), await connectTo(t, listener)];
  const closed = listener.close(patienceMs);
  const answer = ask(slow);
  await once(silent.resume(), 'close');
  answers[0]?.end('late');
  t.regex(await answer, /Connection: close.*late/s);
  await closed;
});

test('what is left after the grace period is cut off', async (t) => {
  const listener = await open(() => {});
  const sent = httpRequest(listener.url).end();
  const [socket] = await once(sent, 'socket');
  await once(socket, 'connect');
  const cut = once(sent, 'error');
  await listener.close(1);
  t.is((await cut)[0].code, 'ECONNRESET');
});

test('no more connections are taken than the limit of open files allows, and one that ends makes room', async (t) => {
  const listener = await open((_request, response) => response.end('yes'), 20);
  const { hostname, port } = new URL(listener.url);
  const kept: Socket[] = [];
  const connectOne = () => {
    const socket = connect(Number(port), hostname);
    t.teardown(() => socket.destroy());
    return socket;
  };
  for (let n = 0; n < 10; n++) {
    const socket = connectOne();
    t.regex(await ask(socket), /^HTTP\/1\.1 200 /);
    kept.push(socket);
  }
  for (let n = 0; n < 5; n++) {
    const surplus = connectOne().on('error', () => {});
    await once(surplus.resume(), 'close');
    t.is(surplus.bytesRead, 0);
  }
  kept[0]?.destroy();
  const next = await eventually(() => ask(connectOne()).catch(() => undefined));
  t.regex(next, /^HTTP\/1\.1 200 /);
  for (const socket of kept.slice(1)) t.regex(await ask(socket), /^HTTP\/1\.1 200 /);
  await listener.close(patienceMs);
});
