// What the store remembers between questions must never make a dead token look alive, also while a long log
// is still being read after the start.
import { systemOrigin } from '../../src/domain/audit.ts';
import { type Claims, digestOf } from '../../src/domain/claims.ts';
import { cutoffForName } from '../../src/domain/cutoffs.ts';
import { switchClient } from '../../src/domain/manage-clients.ts';
import type { Facts } from '../../src/domain/store.ts';
import type { Standing } from '../../src/domain/verdict.ts';
import { openStore } from '../../src/store/open.ts';
import { TestApp } from '../helpers/app.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { byHand, dropTriggers } from '../helpers/tamper.ts';

const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;
const issuer = 'https://tokens.example';
/** More than a store reads before it answers its first question. */
const longLog = 20_500;

testEachStore(
  'a store that has just opened on a long log answers rightly while it reads it',
  async (t, database) => {
    const app = await TestApp.start(database);
    const [dead, alive] = [
      await app.register({ client_id: 'c1', sub: 'u1' }),
      await app.register({ client_id: 'c1' }),
    ];
    await app.store.write((_facts, now) => ({
      outcome: undefined,
      effects: {
        revocations: Array.from({ length: longLog }, (_, n) =>
          cutoffForName({ kind: 'subject', issuer, id: `u${n}` }, now, cause, 400),
        ),
      },
    }));
    await app.stop();

    const store = openStore(database.url);
    const standing = async (token: string) =>
      store.ask((facts) => {
        const claims = facts.token(digestOf(token));
        return claims && facts.standing(claims).coveredBy.length;
      });
    for (let n = 0; n < 100; n++) {
      t.deepEqual(await Promise.all([standing(dead), standing(alive)]), [1, 0]);
    }
    await store.close();
  },
);

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
    const cut = (sub: string) =>
      app.store.write((_facts, now) => ({
        outcome: undefined,
        effects: { revocations: [cutoffForName({ kind: 'subject', issuer, id: sub }, now, cause, 400)] },
      }));
    const covers = (token: string) =>
      app.store.ask((facts) => standingOf(facts.token(digestOf(token)), facts)?.coveredBy.length);
    await cut('u1');
    t.is(await covers(one), 1);
    await byHand(database, async (run) => {
      await dropTriggers(database, run);
      for (const table of ['revocations', 'cutoffs']) await run(`delete from ${table}`);
      await run('update heads set revocation_seq = 0');
    });
    t.is(await covers(one), 0);
    await cut('u2');
    t.is(await covers(two), 1);
    await app.stop();
  },
);

testEachStore('a question may ask for more than a statement has parameters', async (t, database) => {
  const store = openStore(database.url);
  const asked = await store.ask((facts) =>
    facts.together(...Array.from({ length: 70_000 }, (_, n) => () => facts.client(`client ${n}`))),
  );
  t.is(asked.length, 70_000);
  t.true(asked.every((client) => client === undefined));
  await store.close();
});

function standingOf(claims: Claims | undefined, facts: Facts): Standing | undefined {
  return claims && facts.standing(claims);
}
