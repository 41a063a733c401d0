// The upkeep thread: it seals and exports while others write, its death is noticed and made good, and stopping
// it leaves whole seals only.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Worker } from 'node:worker_threads';
import type { ExecutionContext } from 'ava';
import type { Store } from '../../src/domain/store.ts';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { createLog } from '../../src/log.ts';
import { loggedFieldsOf } from '../../src/logged-errors.ts';
import { openStore } from '../../src/store/open.ts';
import type { SealKeys } from '../../src/upkeep/seal-keys.ts';
import { type TrailWork, trailWorkOn } from '../../src/upkeep/trail-work.ts';
import { startThread, UpkeepThread } from '../../src/upkeep/upkeep-thread.ts';
import { TestApp } from '../helpers/app.ts';
import type { TestDatabase } from '../helpers/databases.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { authorization } from '../helpers/requests.ts';
import { launch } from '../helpers/server-process.ts';
import { appendLogouts, issuer, newKeys, verify } from '../helpers/trail.ts';

const rangeMax = 1024;
/** More than is written at once: whatever ends sealing may come in between. */
const longTail = 17 * rangeMax;

function settingsOn(database: TestDatabase, keys: SealKeys) {
  const files = { sealKeyFile: keys.path, sealFile: null, sealWebhookUrl: null };
  return { databaseUrl: database.url, publicUrl: issuer, production: true, ...files };
}

function threadOn(t: ExecutionContext, database: TestDatabase, keys: SealKeys) {
  const lines: Record<string, unknown>[] = [];
  const started: Worker[] = [];
  const write = (line: string) => lines.push(JSON.parse(line));
  const thread = new UpkeepThread(
    settingsOn(database, keys),
    createLog({ level: 'debug', format: 'json', write }),
    (settings) => {
      const worker = startThread(settings);
      started.push(worker);
      return worker;
    },
  );
  t.teardown(() => thread.stop());
  return { thread, lines, started };
}

function storeOn(t: ExecutionContext, database: TestDatabase): Store {
  const store = openStore(database.url);
  t.teardown(() => store.close());
  return store;
}

const firstSeal = (store: Store) => eventually(() => store.upkeep.findLastSeal());

testEachStore('the upkeep thread seals while others write, in whole ranges', async (t, database) => {
  const keys = await newKeys(t);
  const { thread, lines } = threadOn(t, database, keys);
  const writers = [storeOn(t, database), storeOn(t, database)];
  let writing = writers.length;
  const written = writers.map(async (store) => {
    for (let batch = 0; batch < 60; batch++) await appendLogouts(store, 20, batch * 20);
    writing -= 1;
  });
  while (writing > 0) await thread.seal();
  await Promise.all(written);
  await thread.seal();
  const report = await verify(writers[0] as Store, keys);
  t.like(report, { finding: null, events: 2400, unsealed: 0 });
  t.true(report.seals > 2, 'some were sealed meanwhile');
  t.deepEqual(lines, []);
});

testEachStore('an upkeep thread that dies is logged, counted and replaced', async (t, database) => {
  const keys = await newKeys(t);
  const { thread, lines, started } = threadOn(t, database, keys);
  const app = await TestApp.start(database, {}, undefined, undefined, thread);
  t.teardown(() => app.stop());
  const caller = await app.addClient({ permissions: ['metrics'] });
  await appendLogouts(app.store, 5);
  const sealing = thread.seal();
  await started[0]?.terminate();
  const error = await t.throwsAsync(sealing);
  t.is(error?.message, 'the upkeep thread ended');
  t.deepEqual(
    lines.map(({ level, msg }) => [level, msg]),
    [[50, 'the upkeep thread died; the next work for it starts another']],
  );
  const { text } = await app.get('/metrics', caller);
  t.regex(text, /^revocation_upkeep_thread_deaths_total 1$/m);

  await thread.seal();
  t.is(started.length, 2);
  t.is(thread.deaths(), 1);
  t.like(await verify(app.store, keys), { finding: null, unsealed: 0 });
});

testEachStore('an upkeep thread that cannot start leaves nothing open', async (t, database) => {
  const log = createLog({ level: 'fatal', format: 'json', write: () => {} });
  const thread = new UpkeepThread(settingsOn(database, await newKeys(t)), log, () => {
    throw new Error('no thread');
  });
  const portsOpen = () => process.getActiveResourcesInfo().filter((what) => what === 'MessagePort').length;
  const before = portsOpen();
  for (let n = 0; n < 5; n++) await t.throwsAsync(thread.seal(), { message: 'no thread' });
  t.true(await eventually(() => portsOpen() <= before || undefined, portsOpen));
});

testEachStore('an upkeep thread that dies while it seals leaves whole seals', async (t, database) => {
  const keys = await newKeys(t);
  const { thread, started } = threadOn(t, database, keys);
  const store = storeOn(t, database);
  await appendLogouts(store, longTail);
  const sealing = thread.seal();
  await firstSeal(store);
  await started[0]?.terminate();
  await Promise.allSettled([sealing]);
  const { finding, sealedThrough } = await verify(store, keys);
  t.is(finding, null);
  t.is(sealedThrough % rangeMax, 0);
  await thread.seal();
  t.like(await verify(store, keys), { finding: null, sealedThrough: longTail });
});

testEachStore('stopping the upkeep thread while it seals leaves whole seals', async (t, database) => {
  const keys = await newKeys(t);
  const { thread } = threadOn(t, database, keys);
  const store = storeOn(t, database);
  await appendLogouts(store, longTail);
  const sealing = thread.seal();
  await firstSeal(store);
  await thread.stop();
  await sealing;
  t.is(thread.deaths(), 0);
  const { finding, sealedThrough } = await verify(store, keys);
  t.is(finding, null);
  t.is(sealedThrough % rangeMax, 0);
  await threadOn(t, database, keys).thread.seal();
  t.like(await verify(store, keys), { finding: null, sealedThrough: longTail });
});

testEachStore('what goes wrong in the upkeep thread is said without what is secret', async (t, database) => {
  const keys = await newKeys(t);
  const settings = { ...settingsOn(database, keys), sealKeyFile: `${keys.path}-is-not-there` };
  const log = createLog({ level: 'silent', format: 'json', write: () => {} });
  const thread = new UpkeepThread(settings, log);
  t.teardown(() => thread.stop());
  const error = await t.throwsAsync(thread.seal());
  t.regex(error?.message ?? '', /^UnusableSealKey: SEAL_KEY_FILE .* is not there\. Correct the setting/);
  t.is(thread.deaths(), 0);
});

testEachStore('why an export was cut off is what the log says of it', async (t, database) => {
  const { thread, started } = threadOn(t, database, await newKeys(t));
  const pages = thread.exportTrail({ through: 0 }, 0, 'ndjson');
  const first = pages.next();
  await started[0]?.terminate();
  const error = await t.throwsAsync(first, { instanceOf: StoreUnavailable });
  t.is(loggedFieldsOf(error).message, 'the export was cut off: the upkeep thread ended');
});

testEachStore(
  'GET /v1/audit/export that is cut off half-way frees what it holds, and goes on without loss',
  async (t, database) => {
    const keys = await newKeys(t);
    const { thread } = threadOn(t, database, keys);
    let open = 0;
    const work: TrailWork = {
      ...{ seal: () => thread.seal(), deaths: () => 0, stop: () => thread.stop() },
      async *exportTrail(...of) {
        open += 1;
        try {
          yield* thread.exportTrail(...of);
        } finally {
          open -= 1;
        }
      },
    };
    const app = await TestApp.start(database, {}, undefined, undefined, work);
    t.teardown(() => app.stop());
    const auth = await app.auditor();
    const begin = async (query: string): Promise<IncomingMessage> => {
      const url = `${app.url}/v1/audit/export${query}`;
      const request = get(url, { headers: { authorization: authorization(auth) } });
      return (await once(request, 'response'))[0];
    };
    await appendLogouts(app.store, longTail);
    const ids: number[] = [];
    const take = (text: string) => {
      for (const line of text.split('\n').slice(0, -1)) ids.push(Number(JSON.parse(line).id));
    };

    const cut = await begin('');
    const through = Number(cut.headers['x-export-through']);
    let received = '';
    for await (const chunk of cut) {
      received += chunk;
      if (received.length > 2_000_000) break;
    }
    cut.destroy();
    take(received);
    await eventually(() => open === 0 || undefined);

    await appendLogouts(app.store, 5);
    const rest = await begin(`?after=${ids.at(-1)}&through=${through}`);
    let remaining = '';
    for await (const chunk of rest) remaining += chunk;
    t.true(remaining.endsWith('\n'));
    take(remaining);
    t.true(ids.length > longTail);
    t.deepEqual(
      ids,
      Array.from({ length: through }, (_, n) => n + 1),
    );
    await eventually(() => open === 0 || undefined);
    await thread.stop();
    t.is(thread.deaths(), 0);
  },
);

testEachStore('GET /v1/audit/export is 503 when its first page cannot be read', async (t, database) => {
  const keys = await newKeys(t);
  const store = storeOn(t, database);
  const work: TrailWork = {
    ...trailWorkOn(store, settingsOn(database, keys), Date.now),
    // biome-ignore lint/correctness/useYield: it does not get that far.
    async *exportTrail() {
      throw new StoreUnavailable('told to fail by a test');
    },
  };
  const app = await TestApp.start(database, {}, undefined, undefined, work);
  t.teardown(() => app.stop());
  const reply = await app.get('/v1/audit/export', await app.auditor());
  t.is(reply.status, 503);
  t.is(reply.headers['retry-after'], '1');
});

testEachStore('the server seals by itself, and stops with nothing under way', async (t, database) => {
  const keys = await newKeys(t);
  const env = { SEED_DEMO: 'no', SEAL_INTERVAL_SECONDS: '1', SEAL_KEY_FILE: keys.path, PUBLIC_URL: issuer };
  const server = await launch(t, { DATABASE_URL: database.url, ...env });
  const store = storeOn(t, database);
  await appendLogouts(store, 3);
  await firstSeal(store);
  t.is(await server.end('SIGTERM'), 0);
  t.is(server.log().at(-1)?.msg, 'stopped');
  t.like(await verify(store, keys), { finding: null, events: 3, unsealed: 0 });
});
