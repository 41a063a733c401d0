// The standard output of a server whose reader is slow, or has stalled.
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { setImmediate, setTimeout } from 'node:timers/promises';
import test from 'ava';
import { writeTogether } from '../../src/cli/write-together.ts';
import { migratedDatabase } from '../helpers/databases.ts';
import { eventually } from '../helpers/eventually.ts';
import { start } from '../helpers/run.ts';
import { isRefused } from '../helpers/server-process.ts';

const lineBytes = 1_024;
const behindMs = 1_500;

/** An output that takes nothing until it is read. */
function stalledOutput(t: { teardown(work: () => void): void }) {
  let text = '';
  let isRead = false;
  let go = () => {};
  const stdout = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      if (isRead) done();
      else go = done;
    },
  });
  const others: (() => void)[] = [];
  t.teardown(() => stdout.destroy());
  const process = { stdout, on: (_name: string, work: () => void) => others.push(work) };
  return {
    process: process as unknown as NodeJS.Process,
    text: () => text,
    kept: () => stdout.writableLength,
    read: () => {
      isRead = true;
      go();
    },
  };
}

test('what a stalled reader does not take is kept up to a limit, and what is lost is told', async (t) => {
  const { process, text, kept, read } = stalledOutput(t);
  const told: number[] = [];
  const output = writeTogether(process, (lines) => {
    told.push(lines);
    output.write(`${lines} lost\n`);
  });
  const line = (n: number) => `${String(n).padEnd(lineBytes - 1)}\n`;
  const written = 8_000;
  for (let n = 0; n < written; n++) {
    output.write(line(n));
    if (n % 10 === 9) await setImmediate();
  }
  t.true(kept() > 3 * 2 ** 20 && kept() < 5 * 2 ** 20, `${kept()} bytes`);
  t.deepEqual(told, []);
  read();
  await eventually(() => kept() === 0 || undefined);
  output.write('at last\n');
  await output.end();
  const lines = text().split('\n').slice(0, -1);
  t.deepEqual(told, [written - (lines.length - 2)]);
  t.deepEqual(lines.slice(-2).sort(), [`${told[0]} lost`, 'at last'].sort());
  t.deepEqual(
    lines.slice(0, -2).map(Number),
    Array.from({ length: lines.length - 2 }, (_, n) => n),
  );
});

test('the end waits for a slow reader, and not for one that has stalled', async (t) => {
  const slow = stalledOutput(t);
  const output = writeTogether(slow.process, () => t.fail());
  output.write('first\n');
  await setImmediate();
  output.write('last\n');
  let hasEnded = false;
  const ended = output.end().then(() => {
    hasEnded = true;
  });
  await setImmediate();
  t.false(hasEnded);
  slow.read();
  await ended;
  t.is(slow.text(), 'first\nlast\n');

  const stalled = stalledOutput(t);
  const other = writeTogether(stalled.process, () => t.fail());
  other.write('first\n');
  await other.end();
  t.is(stalled.text(), 'first\n');
});

test('a server that is stopped writes all of its log to a reader that was behind', async (t) => {
  const database = await migratedDatabase('sqlite');
  t.teardown(database.drop);
  const child = start(process.execPath, ['dist/src/main.js'], {
    DATABASE_URL: database.url,
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'debug',
    PORT: '0',
    SEED_DEMO: 'no',
  });
  t.teardown(() => child.kill('SIGKILL'));
  const { stdout } = child;
  if (!stdout) throw new Error('there is no output');
  let text = '';
  stdout.on('data', (chunk) => {
    text += chunk;
  });
  const url = await eventually(
    () => /"url":"(http[^"]*)"[^\n]*"msg":"listening"/.exec(text)?.[1],
    () => text,
  );
  stdout.pause();
  const requests = 3_000;
  const ask = async () =>
    (await fetch(`${url}/health/alive`, { headers: { 'x-request-id': 'mine' } })).arrayBuffer();
  for (let n = 0; n < requests; n += 50) await Promise.all(Array.from({ length: 50 }, ask));
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await eventually(() => isRefused(url));
  // So long the reader is behind.
  await setTimeout(behindMs);
  stdout.resume();
  t.is((await ended)[0], 0);
  t.is(text.split('\n').filter((line) => line.includes('"request_id":"mine"')).length, requests);
  t.regex(text, /"msg":"stopped"\}\n$/);
});
