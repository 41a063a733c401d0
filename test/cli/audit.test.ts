// `audit …` and `purge` as an operator types them: each command in a process of its own, on both databases.
import { execFile } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { packageRoot } from '../../src/package-root.ts';
import { openStore } from '../../src/store/open.ts';
import type { TestDatabase } from '../helpers/databases.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { folderOf } from '../helpers/folders.ts';
import { byHand, dropTriggers } from '../helpers/tamper.ts';
import { appendLogouts } from '../helpers/trail.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function commandsOn(t: ExecutionContext, database: TestDatabase) {
  const folder = folderOf(t);
  const main = join(packageRoot(), 'dist/src/cli/main.js');
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: database.url,
    SEAL_KEY_FILE: join(folder, 'keys.json'),
    SEAL_FILE: join(folder, 'sent.txt'),
  };
  const run = (...args: string[]) =>
    new Promise<Ended>((resolve) => {
      execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  return { run, file: (name: string) => join(folder, name) };
}

testEachStore(
  'audit seal, verify, proof, export and seals work together from the command line',
  async (t, database) => {
    const { run, file } = commandsOn(t, database);
    const store = openStore(database.url);
    await appendLogouts(store, 20);
    await store.close();

    t.like(await run('audit', 'proof', '7'), {
      code: 1,
      stderr: 'The event is not sealed yet. Run: audit seal\n',
    });
    t.like(await run('audit', 'verify'), {
      code: 1,
      stderr:
        'There are no keys to verify with. Give them with --keys; or, if nothing is sealed yet: audit seal\n',
    });
    t.like(await run('audit', 'seal'), { code: 0, stdout: 'Sealed 1 range(s), through event 21.\n' });
    t.like(await run('audit', 'seal'), { code: 0, stdout: 'All events are sealed.\n' });
    t.is(statSync(file('keys.json')).mode & 0o777, 0o600);
    const verified = await run('audit', 'verify', '--against', file('sent.txt'));
    t.is(verified.code, 0);
    // The file of the server itself, with the private key in it, has the public ones, too.
    t.is((await run('audit', 'verify', '--keys', file('keys.json'))).code, 0);
    t.true(
      verified.stdout.startsWith(
        'Nothing was altered, removed, slipped in or moved in 21 events under 1 seal.',
      ),
    );
    t.regex(verified.stderr, /verifying \[#{30}\] 100% 21\/21/);

    writeFileSync(file('proof.json'), (await run('audit', 'proof', '7')).stdout);
    t.like(await run('audit', 'verify', '--proof', file('proof.json')), {
      code: 0,
      stdout: 'The proof holds.\n',
    });
    writeFileSync(file('seals.txt'), (await run('audit', 'seals')).stdout);
    t.is(readFileSync(file('seals.txt'), 'utf8'), readFileSync(file('sent.txt'), 'utf8'));
    writeFileSync(file('public.json'), (await run('audit', 'keys')).stdout);
    t.is((await run('audit', 'export', '--out', file('trail.ndjson'))).code, 0);
    const exported = ['--export', file('trail.ndjson'), '--keys', file('public.json')];
    const offline = [...exported, '--seals', file('seals.txt')];
    t.is((await run('audit', 'verify', ...offline)).code, 0);
    t.like(await run('audit', 'verify', '--export', file('trail.ndjson')), {
      code: 1,
      stderr: 'An export proves nothing without seals. Give them with --seals.\n',
    });

    // What the API answers holds the same seals, and an intact trail must not be told to have a broken one.
    writeFileSync(file('page.json'), JSON.stringify({ items: [], next_cursor: null }));
    const notSeals = {
      code: 1,
      stdout: '',
      stderr: `${file('page.json')} is not a list of seals, one a line: see line 1\n`,
    };
    t.deepEqual(await run('audit', 'verify', '--against', file('page.json')), notSeals);
    t.deepEqual(await run('audit', 'verify', ...exported, '--seals', file('page.json')), notSeals);
    writeFileSync(file('empty.txt'), '\n');
    const noSeal = {
      code: 1,
      stdout: '',
      stderr: `${file('empty.txt')} has no seal in it, so it proves nothing. Name another; or seal first: audit seal\n`,
    };
    t.deepEqual(await run('audit', 'verify', '--against', file('empty.txt')), noSeal);
    t.deepEqual(await run('audit', 'verify', '--seals', file('seals.txt')), {
      code: 1,
      stdout: '',
      stderr: '--seals goes with --export; what the database is to be compared with, with --against\n',
    });
    for (const [option, of] of [
      ['--export', 'trail.ndjson'],
      ['--against', 'seals.txt'],
    ] as const)
      t.like(await run('audit', 'verify', '--proof', file('proof.json'), option, file(of)), {
        code: 1,
        stdout: '',
        stderr: `error: option '--proof <file>' cannot be used with option '${option} <file>'\n(see --help)\n`,
      });
    t.deepEqual(await run('audit', 'verify', ...exported, '--seals', file('empty.txt')), noSeal);
    writeFileSync(file('garbage'), 'AGE-SECRET-KEY');
    for (const option of ['--keys', '--proof']) {
      const stderr = `The file of ${option} is not JSON.\n`;
      t.deepEqual(await run('audit', 'verify', option, file('garbage')), { code: 1, stdout: '', stderr });
      t.like(await run('audit', 'verify', option, file('nowhere')), {
        stderr: `The file of ${option} is not there.\n`,
      });
    }
    writeFileSync(file('twice.json'), '{"event":{},"event":{}}');
    t.like(await run('audit', 'verify', '--proof', file('twice.json')), {
      code: 1,
      stderr: 'The file of --proof names a member of an object twice.\n',
    });
    t.like(await run('audit', 'verify', '--keys', file('page.json')), {
      stderr: 'The file of --keys is not a JWK set with a key in it.\n',
    });
    t.like(await run('audit', 'verify', '--proof', file('page.json')), {
      stderr: 'The file of --proof is not what `audit proof` prints.\n',
    });
    t.like(await run('audit', 'export', '--out', file('trail.ndjson')), {
      code: 1,
      stderr: 'The file of --out is there already. Name another, or go on with it by --after.\n',
    });
    writeFileSync(file('torn.ndjson'), '{"id":"1"}\n{"id":"2","ti');
    const onTorn = () => run('audit', 'export', '--out', file('torn.ndjson'), '--after', '2');
    t.like(await onTorn(), {
      code: 1,
      stderr:
        'The last line of the file of --out is not whole. Take it out, then go on after the one before.\n',
    });
    t.is(readFileSync(file('torn.ndjson'), 'utf8'), '{"id":"1"}\n{"id":"2","ti');
    writeFileSync(file('torn.ndjson'), '{"id":"1"}\n{"id":"2"}\n');
    t.is((await onTorn()).code, 0);
    t.regex(readFileSync(file('torn.ndjson'), 'utf8'), /^\{"id":"1"\}\n\{"id":"2"\}\n\{"id":"3",/);
    const onFullDisk = await run('audit', 'export', '--out', '/dev/full', '--after', '1');
    t.is(onFullDisk.code, 1);
    t.regex(onFullDisk.stderr, /^([^\n]*\r)?[^\n]*The disk is full\. Free room there, then repeat\.\n$/);
    t.regex((await run('audit', 'proof', 'abc')).stderr, /^error: .*Give the id of an event\.\n/);

    await byHand(database, async (sql) => {
      await dropTriggers(database, sql);
      await sql("update audit_events set user_id = 'nobody' where seq = 7");
    });
    const found = await run('audit', 'verify', '--json');
    t.is(found.code, 1);
    t.deepEqual(JSON.parse(found.stdout).finding, {
      kind: 'altered',
      event: 7,
      seal: 1,
      detail: 'it is not what was sealed',
    });
    t.is((await run('audit', 'verify')).stdout, 'ALTERED: event 7 (seal 1): it is not what was sealed.\n');
    t.is((await run('audit', 'verify', ...offline)).code, 0, 'the export was made before');
  },
);

testEachStore('purge --dry-run counts, purge deletes, audit erase says what it took', async (t, database) => {
  const { run } = commandsOn(t, database);
  const store = openStore(database.url);
  t.teardown(() => store.close());
  await appendLogouts(store, 3);
  const table =
    /^ended_sessions +0\ntokens +0\njwts +0\nsessions +0\nrevocations +0\ncutoffs +0\nused_ids +0\nidempotency_keys +0\nclient_secrets +0\naudit_events +0\n$/;
  t.regex((await run('purge', '--dry-run')).stdout, table);
  t.is(await store.findEventHead(), 3);
  const purged = await run('purge');
  t.regex(purged.stdout, table);
  t.regex(purged.stderr, /^purging \[#{30}\] 100% 0\/0/);
  t.like(await store.findEvent(4), { action: 'purge', channel: 'cli' });
  const unconfirmed = await run('audit', 'erase', '--subject', 'user-2', '--confirm', 'user-1');
  t.is(unconfirmed.code, 1);
  t.regex(unconfirmed.stderr, /^Nothing was erased\..* --confirm\.\n$/);
  t.like(await store.findEvent(2), { userId: 'user-2' });
  const erased = await run('audit', 'erase', '--subject', 'user-2', '--confirm', 'user-2');
  t.regex(
    erased.stdout,
    /^audit_events +1\nsessions +0\ntokens +0\nrevocations +0\ntokens_left +0\nsessions_left +0\n$/,
  );
  t.like(await store.findEvent(2), { userId: null, reason: 'user_logout' });
  const again = await run('audit', 'erase', '--subject', 'user-2', '--confirm', 'user-2');
  t.regex(again.stdout, /\nsessions_left +0\nNothing bears this name\. /);
  const busy = await store.upkeep.exclusively('purge', () => run('purge'));
  t.like(busy, { code: 1, stderr: 'Another process is purging. Try again.\n' });
});
