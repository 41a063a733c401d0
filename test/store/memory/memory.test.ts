// What the store remembers between questions must never make a dead token look alive.
import test from 'ava';
import Database from 'better-sqlite3';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { type Claims, digestOf } from '../../../src/domain/claims.ts';
import { cutoffForName, finalForName } from '../../../src/domain/cutoffs.ts';
import { switchClient } from '../../../src/domain/records/manage-clients.ts';
import type { Facts, Store } from '../../../src/domain/store.ts';
import { everyIssuer, type Target, targetKey } from '../../../src/domain/targets.ts';
import type { Standing } from '../../../src/domain/verdict.ts';
import { dialectOf } from '../../../src/store/dialect.ts';
import { Memory } from '../../../src/store/memory/memory.ts';
import { openStore } from '../../../src/store/open.ts';
import { readHeads } from '../../../src/store/tables/heads.ts';
import type { NumberedRevocation } from '../../../src/store/tables/revocation-rows.ts';
import { appendRevocations } from '../../../src/store/tables/revocations.ts';
import { TestApp } from '../../helpers/app.ts';
import { fileOf, migratedDatabase } from '../../helpers/databases.ts';
import { testEachStore } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import { policy } from '../../helpers/policy.ts';
import { byHand, dropTriggers } from '../../helpers/tamper.ts';

const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;
const issuer = 'https://tokens.example';

/** Ends what a user has until now. */
function cut(store: Store, sub: string): Promise<unknown> {
  return store.write((_facts, now) => ({
    outcome: undefined,
    effects: { revocations: [cutoffForName({ kind: 'subject', issuer, id: sub }, cause, now, policy)] },
  }));
}

/** By how many revocations the token is covered; undefined if nothing is known of it. */
function coverOf(store: Store, token: string): Promise<number | undefined> {
  return store.ask((facts) => standingOf(facts.token(digestOf(token)), facts)?.coveredBy.length);
}

testEachStore('a suspension by another process counts at once, and so does its end', async (t, database) => {
  const app = await TestApp.start(database);
  const { client_id } = await app.addClient();
  const token = await app.register({ client_id });
  const other = openStore(database.url);
  const isSuspended = () =>
    app.store.ask((facts) => standingOf(facts.token(digestOf(token)), facts)?.suspended);
  t.false(await isSuspended());
  for (const enabled of [false, true, false]) {
    await switchClient(other, systemOrigin, client_id, enabled);
    t.is(await isSuspended(), !enabled);
  }
  await other.close();
  await app.stop();
});

testEachStore(
  'a log that went back is read anew: nothing that it no longer says is remembered',
  async (t, database) => {
    const app = await TestApp.start(database);
    const [one, two] = [
      await app.register({ client_id: 'c1', sub: 'u1' }),
      await app.register({ client_id: 'c1', sub: 'u2' }),
    ];
    await cut(app.store, 'u1');
    t.is(await coverOf(app.store, one), 1);
    await byHand(database, async (run) => {
      await dropTriggers(database, run);
      for (const table of ['revocations', 'cutoffs']) await run(`delete from ${table}`);
      await run('update heads set revocation_seq = 0');
    });
    t.is(await coverOf(app.store, one), 0);
    await cut(app.store, 'u2');
    t.is(await coverOf(app.store, two), 1);
    await app.stop();
  },
);

test('a log that went back and grew again is read anew: another table of heads says so (postgres)', async (t) => {
  const database = await migratedDatabase('postgres');
  t.teardown(database.drop);
  const app = await TestApp.start(database);
  const tokens = [
    await app.register({ client_id: 'c1', sub: 'u1' }),
    await app.register({ client_id: 'c1', sub: 'u2' }),
  ];
  const covered = (store: Store) => Promise.all(tokens.map((token) => coverOf(store, token)));
  await cut(app.store, 'u1');
  t.deepEqual(await covered(app.store), [1, 0]);
  const other = await app.another();
  await byHand(database, async (run) => {
    await dropTriggers(database, run);
    for (const table of ['revocations', 'cutoffs']) await run(`delete from ${table}`);
    await run('update heads set revocation_seq = 0');
    await run('alter table heads rename to lost');
    await run('create table heads (like lost including all)');
    await run('insert into heads select * from lost');
    await run('drop table lost');
  });
  await cut(other.store, 'u2');
  t.deepEqual(await covered(app.store), [0, 1], 'by who had it in memory');
  await cut(app.store, 'u1');
  t.deepEqual(await covered(app.store), [1, 1]);
  t.deepEqual(await covered(other.store), [1, 1]);
  await app.stop();
});

test('a backup that is restored into the open file is read anew, also when as much was ended since (sqlite)', async (t) => {
  const database = await migratedDatabase('sqlite');
  t.teardown(database.drop);
  const app = await TestApp.start(database);
  const tokens = [
    await app.register({ client_id: 'c1', sub: 'u1' }),
    await app.register({ client_id: 'c1', sub: 'u2' }),
  ];
  const covered = () => Promise.all(tokens.map((token) => coverOf(app.store, token)));
  const file = fileOf(database);
  await copyInto(`${file}.backup`, file);
  await cut(app.store, 'u1');
  t.deepEqual(await covered(), [1, 0]);
  await copyInto(file, `${file}.backup`);
  const other = openStore(database.url);
  await cut(other, 'u2');
  await other.close();
  t.deepEqual(await covered(), [0, 1]);
  await app.stop();
});

/** As `.backup` and `.restore` of the sqlite3 command do: through SQLite, which keeps the file. */
async function copyInto(to: string, from: string): Promise<void> {
  const connection = new Database(from);
  await connection.backup(to);
  connection.close();
}

testEachStore(
  'a long log is read while the store warms up, and then looked up no more',
  async (t, database) => {
    const app = await TestApp.start(database);
    const token = await app.register({ client_id: 'c1', sub: 'u1' });
    const seqs = Array.from({ length: 25_000 }, (_, n) => n + 1);
    const revocations = seqs.map((seq) => {
      const target: Target = { kind: 'subject', issuer, id: `another user ${seq}` };
      const revocation = finalForName(target, cause, app.clock.now, policy);
      return { ...revocation, seq, key: targetKey(target), reason: cause.reason, revokedAt: app.clock.now };
    });
    // Behind the head of the log, where no revocation can be: who looks it up finds it.
    const target: Target = { kind: 'subject', issuer, id: 'u1' };
    const hidden = { ...(revocations[0] as NumberedRevocation), target, key: targetKey(target), seq: 30_000 };
    const writer = dialectOf(database.url).openWriter();
    await writer.transaction(async (tx) => {
      await appendRevocations(tx, [...revocations, hidden]);
      await tx('heads').update({ revocation_seq: revocations.length });
    });
    await writer.destroy();

    const [cold, warm] = [openStore(database.url), openStore(database.url)];
    t.is(await coverOf(cold, token), 1);
    await warm.warmUp(60_000);
    t.is(await coverOf(warm, token), 0);
    for (const store of [cold, warm]) await store.close();
    await app.stop();
  },
);

testEachStore('a store that cannot be read does not keep a server from its start', async (t, database) => {
  const store = openStore(database.url);
  await byHand(database, (run) => run('alter table heads rename to lost'));
  await store.warmUp(60_000);
  await t.throwsAsync(() => store.ask(() => true), { name: 'StoreUnavailable' });
  await store.close();
});

testEachStore('records that went back are read anew, by questions and by decisions', async (t, database) => {
  const app = await TestApp.start(database);
  const [one, two] = [await app.addClient(), await app.addClient()];
  const other = openStore(database.url);
  const disabled = async () => {
    const look = (facts: Facts) =>
      [one, two].map(({ client_id: id }) => facts.client(id)?.disabledAt != null);
    const asked = await app.store.ask(look);
    t.deepEqual(await app.store.write((facts) => ({ outcome: look(facts), effects: {} })), asked);
    return asked;
  };
  t.deepEqual(await disabled(), [false, false]);
  await switchClient(other, systemOrigin, one.client_id, false);
  t.deepEqual(await disabled(), [true, false]);
  await byHand(database, async (run) => {
    await run('update clients set disabled_at = null');
    await run('update heads set suspension_seq = suspension_seq - 1');
  });
  t.deepEqual(await disabled(), [false, false]);
  // The counter is now where it was when the restore took the first change away.
  await switchClient(other, systemOrigin, two.client_id, false);
  t.deepEqual(await disabled(), [false, true]);
  await other.close();
  await app.stop();
});

testEachStore(
  'a token that was looked for in vain is found as soon as it is registered, by whichever process',
  async (t, database) => {
    const app = await TestApp.start(database);
    const other = await app.another();
    const find = (token: string) => app.store.ask((facts) => facts.token(digestOf(token)));
    const tokens = Array.from({ length: 40 }, () => app.newToken());
    // Often enough to be remembered.
    for (let n = 0; n < 3; n++) for (const token of tokens) t.is(await find(token), undefined);
    let isDone = false;
    const [first] = tokens;
    const looking = (async () => {
      while (!isDone) await Promise.all(tokens.map(find));
    })();
    for (const [n, token] of tokens.entries()) {
      await (n % 2 === 0 ? app : other).register({ client_id: 'c1', token });
      t.is((await find(token))?.clientId, 'c1', `token ${n}`);
    }
    isDone = true;
    await looking;
    t.is((await find(first as string))?.clientId, 'c1');
    await app.stop();
  },
);

testEachStore(
  'a token is looked for again after the count of registrations went back',
  async (t, database) => {
    const app = await TestApp.start(database);
    const find = (token: string) => app.store.ask((facts) => facts.token(digestOf(token)));
    const token = app.newToken();
    await app.register({ client_id: 'c1' });
    for (let n = 0; n < 3; n++) t.is(await find(token), undefined);
    await byHand(database, async (run) => {
      await run('update heads set token_seq = token_seq - 1');
    });
    await app.register({ client_id: 'c1', token });
    t.is((await find(token))?.clientId, 'c1');
    await app.stop();
  },
);

testEachStore('a token that nobody registered is not looked up', async (t, database) => {
  // Before anything is remembered, as another schema may be that of another database.
  await byHand(database, (run) => dropTriggers(database, run));
  const app = await TestApp.start(database);
  const find = (token: string) => app.store.ask((facts) => facts.token(digestOf(token)));
  const decide = (token: string) =>
    app.store.write((facts) => ({ outcome: facts.token(digestOf(token)), effects: {} }));
  const [known, unknown, later] = [app.newToken(), app.newToken(), app.newToken()];
  await app.register({ client_id: 'c1', token: known });
  const other = await app.another();
  await other.register({ client_id: 'c1' });
  // Behind the back of the counter, as no registration can: who looks it up finds it.
  const rename = (from: string, to: string) =>
    byHand(database, async (run) => {
      const digests = [to, from].map((token) => Buffer.from(digestOf(token), 'hex'));
      await run('update tokens set digest = ? where digest = ?', ...digests);
    });
  t.is(await find(unknown), undefined);
  await rename(known, unknown);
  // Until the digests of all tokens have been read in the background.
  await eventually(async () => ((await find(unknown)) ? undefined : true));
  t.is(await decide(unknown), undefined);
  t.is(await find(known), undefined);
  await app.register({ client_id: 'c1' });
  t.is(await find(unknown), undefined, 'what this process registered is known at once, and is another one');
  await rename(unknown, known);
  t.is((await find(known))?.clientId, 'c1', 'what was there when they were read is looked up');
  await other.register({ client_id: 'c1', token: later });
  t.is((await find(later))?.clientId, 'c1', 'what another process registered is looked up until it is known');
  t.is((await decide(later))?.clientId, 'c1');

  await rename(known, unknown);
  await eventually(async () => ((await find(unknown)) ? undefined : true));
  await byHand(database, (run) => run('update heads set token_seq = token_seq - 1'));
  t.is((await find(unknown))?.clientId, 'c1', 'when the count of registrations went back, all are looked up');
  await app.stop();
});

testEachStore(
  'the first revocation of its kind counts for tokens that are remembered, by whichever process',
  async (t, database) => {
    const app = await TestApp.start(database);
    const other = openStore(database.url);
    const names = { client_id: 'c1', sub: 'u1', grant_id: 'g1', session_id: 's1', jti: 'j1' };
    const token = await app.register(names);
    const digest = digestOf(token);
    const covers = () => app.store.ask((facts) => standingOf(facts.token(digest), facts)?.coveredBy.length);
    const targets: Target[] = [
      { kind: 'jti', issuer, id: 'j1' },
      { kind: 'client', issuer, id: 'c1' },
      { kind: 'session', issuer: everyIssuer, id: 's1' },
      { kind: 'grant', issuer, id: 'g1' },
      { kind: 'issuer', issuer, id: '' },
      { kind: 'token', issuer: '', id: digest },
      { kind: 'subject', issuer, id: 'u1' },
    ];
    for (const [n, target] of targets.entries()) {
      // Often enough to be remembered.
      for (let again = 0; again < 3; again++) t.is(await covers(), n);
      const store = n % 2 === 0 ? app.store : other;
      await store.write((_facts, now) => ({
        outcome: undefined,
        effects: { revocations: [finalForName(target, cause, now, policy)] },
      }));
      t.is(await covers(), n + 1, target.kind);
    }
    await other.close();
    await app.stop();
  },
);

testEachStore(
  'what was written to a database that another one has replaced is not taken for what that one says',
  async (t, database) => {
    const reader = dialectOf(database.url).openReader();
    t.teardown(() => reader.destroy());
    const memory = new Memory(reader, 400);
    const heads = await memory.catchUp(reader, readHeads);
    const target: Target = { kind: 'subject', issuer, id: 'u1' };
    const [seq, key] = [heads.revocation_seq + 1, targetKey(target)];
    const { reason } = cause;
    const revocation = { ...finalForName(target, cause, 0, policy), seq, key, reason, revokedAt: 0 };
    const another = await memory.catchUp(reader, async () => ({ ...heads, incarnation: 'another' }));
    memory.learn(heads, { tokens: [], revocations: [revocation] });
    const other = targetKey({ ...target, id: 'u2' });
    t.true(
      memory.mayBeRevoked(other, { ...another, revocation_seq: seq }),
      'its own row of that number is unread',
    );
    memory.learn(another, { tokens: [], revocations: [revocation] });
    t.false(memory.mayBeRevoked(other, { ...another, revocation_seq: seq }));
  },
);

function standingOf(claims: Claims | undefined, facts: Facts): Standing | undefined {
  return claims && facts.standing(claims);
}
