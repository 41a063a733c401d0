// A store with much to read: right from the first answer, and whatever a statement can hold. In a file of its
// own, since so much work holds up whatever runs beside it.
import { systemOrigin } from '../../src/domain/audit.ts';
import { digestOf } from '../../src/domain/claims.ts';
import { cutoffForName } from '../../src/domain/cutoffs.ts';
import { openStore } from '../../src/store/open.ts';
import { TestApp } from '../helpers/app.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { policy } from '../helpers/policy.ts';

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
          cutoffForName({ kind: 'subject', issuer, id: `u${n}` }, cause, now, policy),
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

testEachStore('a question may ask for more than a statement has parameters', async (t, database) => {
  const store = openStore(database.url);
  const asked = await store.ask((facts) =>
    facts.together(...Array.from({ length: 70_000 }, (_, n) => () => facts.client(`client ${n}`))),
  );
  t.is(asked.length, 70_000);
  t.true(asked.every((client) => client === undefined));
  await store.close();
});
