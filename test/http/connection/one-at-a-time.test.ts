// What a connection may ask of the server before it is answered.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
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
