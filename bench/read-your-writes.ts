// Two server processes on one Postgres: what one has answered as revoked, the other never calls active, from
// the first millisecond on. `npm run bench:read-your-writes`; `--pairs N` for another number than 100,000.
import { parseArgs } from 'node:util';
import { tokenOf } from './lib/fill.ts';
import { progress } from './lib/progress.ts';
import { startOurs } from './lib/servers.ts';
import { makeWorld } from './lib/world.ts';

const { values } = parseArgs({ options: { pairs: { type: 'string', default: '100000' } } });
const pairs = Number(values.pairs);
const conversations = 16;

const world = await makeWorld('postgres', { tokens: pairs, revocations: 1_000 });
const [writer, reader] = await Promise.all([startOurs(world.env), startOurs(world.env)]);
let next = 0;
let stale = 0;
const began = performance.now();
await Promise.all(Array.from({ length: conversations }, converse));
const seconds = (performance.now() - began) / 1000;
console.log(
  `${pairs} tokens: live at one process, revoked at the other, then asked for again: ` +
    `${stale} stale answers in ${seconds.toFixed(0)} s`,
);
await Promise.all([writer.stop(), reader.stop()]);
await world.remove();
process.exitCode = stale === 0 ? 0 : 1;

async function converse(): Promise<void> {
  while (next < pairs) {
    const n = next++;
    const token = tokenOf(n);
    // The reader has seen it alive, so it had every chance to remember that.
    if (!(await ask(token))) throw new Error('a token was dead before it was revoked');
    const { status } = (await post(writer.port, '/revoke', world.app, token)) as { status: string };
    if (status !== 'revoked') throw new Error(`a revocation was answered ${status}`);
    if (await ask(token)) stale += 1;
    progress(`${stale} stale answers to pairs`, n + 1, pairs);
  }
}

async function ask(token: string): Promise<boolean> {
  return ((await post(reader.port, '/introspect', world.api, token)) as { active: boolean }).active;
}

async function post(port: number, path: string, authorization: string, token: string): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token }).toString(),
  });
  if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
