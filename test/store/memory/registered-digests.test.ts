// Of which tokens it is known that nobody registered them: never of one that somebody has, as of the heads asked for.
import type { Knex } from 'knex';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { digestOf } from '../../../src/domain/claims.ts';
import { finalForName } from '../../../src/domain/cutoffs.ts';
import { eraseSubject } from '../../../src/domain/trail/erase-subject.ts';
import { dialectOf } from '../../../src/store/dialect.ts';
import { RegisteredDigests } from '../../../src/store/memory/registered-digests.ts';
import { type Heads, readHeads } from '../../../src/store/tables/heads.ts';
import { TestApp } from '../../helpers/app.ts';
import { testEachStore } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import { policy } from '../../helpers/policy.ts';

const unknown = digestOf('nobody registered this');
const eraseKey = 'a key of the operator of 32 bytes!!!';

/** Waits until all tokens are read; resolves to heads as of which they are. */
function untilRead(reader: Knex, registered: RegisteredDigests): Promise<Heads> {
  return eventually(async () => {
    // Anew each time: the server's upkeep moves them on, and no older ones may use what was read after.
    const heads = await readHeads(reader);
    return registered.mayBe(unknown, heads) ? undefined : heads;
  });
}

testEachStore(
  'whoever asks as of a time before a token was erased is not told that nobody registered it',
  async (t, database) => {
    const app = await TestApp.start(database);
    const reader = dialectOf(database.url).openReader();
    const registered = new RegisteredDigests(reader);
    const token = await app.register({ client_id: 'c1', sub: 'u1', grant_id: 'g1' });
    await app.register({ client_id: 'c1', sub: 'u2' });
    const grant = { kind: 'grant', issuer: 'https://tokens.example', id: 'g1' } as const;
    const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;
    await app.store.write((_facts, now) => ({
      outcome: undefined,
      effects: { revocations: [finalForName(grant, cause, now, policy)] },
    }));
    const before = await readHeads(reader);
    t.is((await eraseSubject(app.store, systemOrigin, 'u1', eraseKey)).tokens, 1);
    t.true(registered.mayBe(unknown, await readHeads(reader)), 'not read yet');
    const after = await untilRead(reader, registered);
    t.true(
      registered.mayBe(digestOf(token), before),
      'the questioner may not know yet what was put in its place',
    );
    t.false(registered.mayBe(digestOf(token), after));
    await reader.destroy();
    await app.stop();
  },
);

testEachStore(
  'what others register is known when it was read, until then nothing is',
  async (t, database) => {
    const app = await TestApp.start(database);
    const reader = dialectOf(database.url).openReader();
    const registered = new RegisteredDigests(reader);
    const tokens: string[] = [];
    // More than a page; then a few, which are read by their ids.
    for (const count of [2_100, 3, 1]) {
      const some = Array.from({ length: count }, () => app.newToken());
      for (let from = 0; from < count; from += 700) {
        const items = some
          .slice(from, from + 700)
          .map((token) => app.registration({ client_id: 'c1', token }));
        t.is((await app.json('/v1/tokens', items, await app.issuer())).status, 200);
      }
      tokens.push(...some);
      t.true(registered.mayBe(unknown, await readHeads(reader)), 'not read yet');
      const heads = await untilRead(reader, registered);
      t.true(tokens.every((token) => registered.mayBe(digestOf(token), heads)));
    }
    await reader.destroy();
    await app.stop();
  },
);

testEachStore(
  'where the reading begins as another database takes the place of the one before, no token is overlooked',
  async (t, database) => {
    const app = await TestApp.start(database);
    const reader = dialectOf(database.url).openReader();
    const registered = new RegisteredDigests(reader);
    const empty = await readHeads(reader);
    const { findRow } = reader.client;
    // The one before had registered more.
    reader.client.findRow = async () => ({ first: 1, last: 1_000 });
    t.true(registered.mayBe(unknown, { ...empty, token_seq: 1_000 }));
    reader.client.findRow = findRow;
    registered.forget();
    await untilRead(reader, registered);
    const token = await app.register({ client_id: 'c1' });
    t.true(registered.mayBe(digestOf(token), await untilRead(reader, registered)));
    await reader.destroy();
    await app.stop();
  },
);
