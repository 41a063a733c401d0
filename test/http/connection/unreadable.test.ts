// Requests that take too long are answered so; streams that keep coming are left alone.
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { answerUnreadable } from '../../../src/http/connection/unreadable.ts';
import { streamBody } from '../../../src/http/reading/body-flow.ts';

const timeout = Object.assign(new Error('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });

function connection() {
  const sent: string[] = [];
  const response = new EventEmitter();
  const socket = {
    writable: true,
    end: (text: string) => sent.push(text),
    setTimeout() {},
    once() {},
    destroy() {},
  };
  return {
    sent,
    socket: socket as unknown as Socket,
    request: Object.assign(new PassThrough(), { socket, headers: {} }) as unknown as IncomingMessage,
    response: response as unknown as ServerResponse,
  };
}

test('a request that is not there in time is 408', (t) => {
  const { socket, sent } = connection();
  answerUnreadable(timeout, socket);
  t.regex(sent.join(''), /^HTTP\/1\.1 408 .*the headers took over 10 seconds, or the request over 30/s);
});

test('a stream that is being answered may take longer, and only it', (t) => {
  const { socket, request, response, sent } = connection();
  streamBody(request, response);
  answerUnreadable(timeout, socket);
  t.deepEqual(sent, []);
  response.emit('close');
  answerUnreadable(timeout, socket);
  t.is(sent.length, 1);
});
