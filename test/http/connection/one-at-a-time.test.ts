// What a connection may ask of the server before it is answered.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import test from 'ava';
import { Listener } from '../../../src/http/connection/listener.ts';

test('of a connection on which many requests wait no more is read, until they are answered', async (t) => {
  const waiting: ServerResponse[] = [];
  let bytesRead = () => 0;
  let answered = 0;
  const listener = await Listener.open(
    (request, response) => {
      bytesRead = () => request.socket.bytesRead;
      waiting.push(response);
    },
    { host: '127.0.0.1', port: 0, workers: 1 },
  );
  t.teardown(() => listener.close(0));
  const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
  socket.on('data', (data: Buffer) => {
    answered += data.toString('latin1').split('HTTP/1.1 204').length - 1;
  });
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const count = 200_000;
  socket.write(request.repeat(count));
  // Each turn of the event loop reads what there is to read: where nothing held it back, all of it long before the end.
  for (let turns = 0; turns < 1_000 || waiting.length === 0; turns++)
    await new Promise((resolve) => setImmediate(resolve));
  t.true(bytesRead() < 500_000, `read ${bytesRead()} of ${count * request.length} bytes`);
  t.is(waiting.length, 1);
  while (answered < 5_000) {
    for (const response of waiting.splice(0)) response.writeHead(204).end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.true(bytesRead() > 100_000, 'then it goes on');
  socket.destroy();
  await once(socket, 'close');
});

test('of a body that waits its tiny chunks are joined', async (t) => {
  const begun: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  const listener = await Listener.open((request, response) => begun.push({ request, response }), {
    host: '127.0.0.1',
    port: 0,
    workers: 1,
  });
  t.teardown(() => listener.close(0));
  const socket = await connectedTo(listener);
  const chunks = Array.from({ length: 10_000 }, (_, n) => `1\r\n${n % 10}\r\n`).join('');
  socket.write(
    `GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  );
  while (begun.length === 0) await new Promise((resolve) => setImmediate(resolve));
  begun[0]?.response.end();
  while (begun.length === 1) await new Promise((resolve) => setImmediate(resolve));
  const pieces: Buffer[] = [];
  // One event for each piece, while an iterator would join what is there.
  begun[1]?.request.on('data', (piece: Buffer) => pieces.push(piece));
  while (begun[1]?.request.readableEnded === false) await new Promise((resolve) => setImmediate(resolve));
  t.is(Buffer.concat(pieces).toString(), '0123456789'.repeat(1_000));
  t.true(pieces.length < 100, `${pieces.length} pieces`);
  socket.destroy();
});

/** Tiny requests, as many as are read at once. */
const many = 'GET / HTTP/1.1\r\n\r\n'.repeat(3_600);

async function connectedTo(listener: Listener): Promise<Socket> {
  const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('requests that wait on one connection hold up no other', async (t) => {
  const paths: (string | undefined)[] = [];
  const listener = await Listener.open(
    ({ url }, response) => {
      paths.push(url);
      response.end();
    },
    { host: '127.0.0.1', port: 0, workers: 1 },
  );
  t.teardown(() => listener.close(0));
  const [greedy, modest] = [await connectedTo(listener), await connectedTo(listener)];
  greedy.resume().write(many);
  modest.write('GET /modest HTTP/1.1\r\n\r\n');
  await once(modest, 'data');
  t.true(paths.indexOf('/modest') < 1_000, `after ${paths.indexOf('/modest')} others`);
  greedy.destroy();
  modest.destroy();
});

test('connections that send requests by the thousand are cut off when too many wait', async (t) => {
  const waiting: ServerResponse[] = [];
  const listener = await Listener.open((_request, response) => waiting.push(response), {
    host: '127.0.0.1',
    port: 0,
    workers: 1,
  });
  t.teardown(() => listener.close(0));
  const greedy = await Promise.all(Array.from({ length: 12 }, () => connectedTo(listener)));
  const closed = Promise.all(greedy.slice(3).map((socket) => once(socket.resume(), 'close')));
  for (const socket of greedy) {
    socket.write(many);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  t.deepEqual(
    greedy.slice(0, 2).map((socket) => socket.destroyed),
    [false, false],
  );
  const modest = await connectedTo(listener);
  modest.write('GET / HTTP/1.1\r\n\r\n'.repeat(20));
  let answers = '';
  modest.on('data', (data) => {
    answers += data;
  });
  while (answers.split('HTTP/1.1 200').length <= 20) {
    for (const response of waiting.splice(0)) response.end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const socket of [...greedy, modest]) socket.destroy();
  t.pass('few may wait on any connection');
});
