// What the verifier says when a hand has been in the database: the exact event and what became of it, on
// both databases, the triggers dropped first as whoever does this would.
import type { FindingKind } from '../../../src/domain/trail/finding.ts';
import { sealEvents } from '../../../src/domain/trail/seal-events.ts';
import { openStore } from '../../../src/store/open.ts';
import type { TestDatabase } from '../../helpers/databases.ts';
import { testEachStore } from '../../helpers/each-database.ts';
import { byHand, dropTriggers, type Run } from '../../helpers/tamper.ts';
import { appendLogouts, issuer, newKeys, seal, verify } from '../../helpers/trail.ts';

const columns = [
  'at, action, reason, reason_text, actor_kind, actor_id, channel, user_id, client_id, session_id, token_ref',
  'ip, user_agent, request_id, count, metadata, leaf, salts, erased',
].join(', ');

interface Tampering {
  readonly title: string;
  readonly run: (run: Run, database: TestDatabase) => Promise<unknown>;
  readonly kind: FindingKind;
  readonly event: number | null;
  readonly seal: number | null;
  readonly detail: string;
}

/** Three seals over 8, 8 and 4 events; two more events are not sealed. */
const tamperings: readonly Tampering[] = [
  {
    title: 'names an event whose user was edited',
    run: (run) => run("update audit_events set user_id = 'someone-else' where seq = 5"),
    ...{ kind: 'altered', event: 5, seal: 1, detail: 'it is not what was sealed' },
  },
  {
    title: 'names an event whose time was moved by a millisecond',
    run: (run) => run('update audit_events set at = at + 1 where seq = 20'),
    ...{ kind: 'altered', event: 20, seal: 3, detail: 'it is not what was sealed' },
  },
  {
    title: 'names an event whose metadata were edited into something unreadable',
    run: (run) => run("update audit_events set metadata = '{oops' where seq = 2"),
    ...{ kind: 'altered', event: 2, seal: 1, detail: 'it is not what was sealed' },
  },
  {
    title: 'names an event whose stored leaf was edited',
    run: (run) =>
      run('update audit_events set leaf = (select leaf from audit_events where seq = 2) where seq = 3'),
    ...{ kind: 'altered', event: 3, seal: null, detail: 'it differs from the leaf that was stored with it' },
  },
  {
    title: 'names an event that was made to say of what is there that it was erased',
    run: (run) => run(`update audit_events set erased = '{"ip":"x"}' where seq = 5`),
    ...{
      kind: 'altered',
      event: 5,
      seal: null,
      detail: 'what it says was erased is there, or is no personal member',
    },
  },
  {
    title: 'names an event that was made to say of what is no personal member that it was erased',
    run: (run) => run(`update audit_events set erased = '["ip"]' where seq = 5`),
    ...{
      kind: 'altered',
      event: 5,
      seal: null,
      detail: 'what it says was erased is there, or is no personal member',
    },
  },
  {
    title: 'names an event that was deleted',
    run: (run) => run('delete from audit_events where seq = 11'),
    ...{ kind: 'missing', event: 11, seal: 2, detail: '12 stands where it is due' },
  },
  {
    title: 'names an event that was deleted while those after it were moved up',
    run: async (run) => {
      await run('delete from audit_events where seq = 11');
      for (let seq = 12; seq <= 22; seq++)
        await run('update audit_events set seq = ? where seq = ?', seq - 1, seq);
    },
    ...{ kind: 'missing', event: 11, seal: 2, detail: 'what was 12 stands in its place' },
  },
  {
    title: 'names an event that was slipped in while those after it were moved down',
    run: async (run) => {
      for (let seq = 22; seq >= 6; seq--)
        await run('update audit_events set seq = ? where seq = ?', seq + 1, seq);
      await run(
        `insert into audit_events (seq, ${columns}) select 6, ${columns} from audit_events where seq = 2`,
      );
    },
    ...{ kind: 'inserted', event: 6, seal: 1, detail: 'what was 6 was moved to 7 to make room' },
  },
  {
    title: 'names a copy of a later event that was slipped in while those after it were moved down',
    run: async (run) => {
      for (let seq = 22; seq >= 6; seq--)
        await run('update audit_events set seq = ? where seq = ?', seq + 1, seq);
      await run(
        `insert into audit_events (seq, ${columns}) select 6, ${columns} from audit_events where seq = 12`,
      );
    },
    ...{ kind: 'inserted', event: 6, seal: 1, detail: 'what was 6 was moved to 7 to make room' },
  },
  {
    title: 'names an event that was slipped in before the first',
    run: (run) =>
      run(`insert into audit_events (seq, ${columns}) select 0, ${columns} from audit_events where seq = 2`),
    ...{ kind: 'inserted', event: 0, seal: 1, detail: 'it stands where 1 is due' },
  },
  {
    title: 'names an event that was slipped in after the last number given out',
    run: (run) =>
      run(`insert into audit_events (seq, ${columns}) select 23, ${columns} from audit_events where seq = 2`),
    ...{
      kind: 'inserted',
      event: 23,
      seal: null,
      detail: 'it stands after 22, the last number that was given out',
    },
  },
  {
    title: 'names the first of two events that have changed places',
    run: async (run) => {
      await run('update audit_events set seq = 1000 where seq = 4');
      await run('update audit_events set seq = 4 where seq = 14');
      await run('update audit_events set seq = 14 where seq = 1000');
    },
    ...{ kind: 'reordered', event: 4, seal: 1, detail: 'it and 14 have changed places' },
  },
  {
    title: 'names the first event of a tail that was cut off',
    run: (run) => run('delete from audit_events where seq >= 18'),
    ...{
      kind: 'cut_off',
      event: 18,
      seal: 3,
      detail: 'the trail ends before it, though it was sealed through 20',
    },
  },
  {
    title: 'names the first unsealed event that was cut off while its number is known',
    run: (run) => run('delete from audit_events where seq >= 22'),
    ...{
      kind: 'cut_off',
      event: 22,
      seal: null,
      detail: 'the trail ends before it, though numbers through 22 were given out',
    },
  },
  {
    title: 'names the first event of whole ranges that went without a purge',
    run: (run) => run('delete from audit_events where seq <= 8'),
    ...{ kind: 'missing', event: 1, seal: 1, detail: 'no event of a purge accounts for those through 8' },
  },
  {
    title: 'names a seal that was deleted from the middle',
    run: (run) => run('delete from audit_seals where number = 2'),
    ...{ kind: 'seal_missing', event: null, seal: 2, detail: 'there is one of number 3' },
  },
  {
    title: 'names a seal that was edited',
    run: (run) => run("update audit_seals set jws = replace(jws, '.', '.A') where number = 2"),
    ...{ kind: 'seal_invalid', event: null, seal: 2, detail: 'its signature or its form is wrong' },
  },
  ...['number', 'first_seq', 'last_seq', 'sealed_at'].map((column) => ({
    title: `names a seal beside which another ${column} stands than it says`,
    run: (run: Run) => run(`update audit_seals set ${column} = ${column} + 100 where number = 2`),
    kind: 'seal_invalid' as const,
    event: null,
    seal: 2,
    detail: 'it differs from the columns that stand beside it',
  })),
];

for (const { title, run: tamper, ...expected } of tamperings) {
  testEachStore(`audit verify ${title}`, async (t, database) => {
    const store = openStore(database.url);
    t.teardown(() => store.close());
    const keys = await newKeys(t);
    for (const count of [8, 8, 4]) {
      await appendLogouts(store, count);
      t.is((await seal(store, keys)).length, 1);
    }
    await appendLogouts(store, 2);
    const before = await verify(store, keys);
    t.like(before, { finding: null, events: 22, seals: 3, sealedThrough: 20, unsealed: 2, erased: 0 });

    await byHand(database, async (run) => {
      await dropTriggers(database, run);
      await tamper(run, database);
    });
    t.deepEqual((await verify(store, keys)).finding, expected);
  });
}

testEachStore(
  'audit verify notices a tail cut off together with its seals, against a seal kept elsewhere',
  async (t, database) => {
    const store = openStore(database.url);
    t.teardown(() => store.close());
    const keys = await newKeys(t);
    await appendLogouts(store, 8);
    const first = await seal(store, keys);
    await appendLogouts(store, 8);
    const second = await seal(store, keys);
    const kept = [...first, ...second].map(({ jws }) => jws);
    t.is((await verify(store, keys, kept)).finding, null);

    await byHand(database, async (run) => {
      await dropTriggers(database, run);
      await run('delete from audit_events where seq > 8');
      await run('delete from audit_seals where number = 2');
      await run('update heads set event_seq = 8');
    });
    t.is((await verify(store, keys)).finding, null, 'without that seal nothing is amiss');
    t.deepEqual((await verify(store, keys, kept)).finding, {
      kind: 'cut_off',
      event: 9,
      seal: 2,
      detail: 'the trail ends before it, though it was sealed through 16',
    });

    await appendLogouts(store, 8, 100);
    t.like((await verify(store, keys, kept)).finding, { kind: 'altered', event: 9, seal: 2 });
    await seal(store, keys);
    t.deepEqual((await verify(store, keys, kept)).finding, {
      kind: 'seal_replaced',
      event: null,
      seal: 2,
      detail: 'it differs from the one kept elsewhere',
    });
  },
);

testEachStore('audit verify knows no seal of a key that is not ours', async (t, database) => {
  const store = openStore(database.url);
  t.teardown(() => store.close());
  const [ours, theirs] = [await newKeys(t), await newKeys(t)];
  await appendLogouts(store, 3);
  await seal(store, theirs);
  t.like((await verify(store, ours)).finding, {
    kind: 'seal_invalid',
    detail: 'none of the keys has signed it',
  });
});

testEachStore('seals of a retired key verify after a rotation', async (t, database) => {
  const store = openStore(database.url);
  t.teardown(() => store.close());
  const keys = await newKeys(t);
  await appendLogouts(store, 3);
  await seal(store, keys);
  await keys.rotate();
  await appendLogouts(store, 3);
  await seal(store, keys);
  t.is(keys.publicKeys().keys.length, 2);
  t.true(keys.publicKeys().keys.every((key) => !('d' in key)));
  t.like(await verify(store, keys), { finding: null, seals: 2, sealedThrough: 6 });
});

testEachStore(
  'sealing that is told to end leaves whole seals, and the next run goes on',
  async (t, database) => {
    const store = openStore(database.url);
    t.teardown(() => store.close());
    const keys = await newKeys(t);
    await appendLogouts(store, 17 * 1024 + 1);
    const end = new AbortController();
    const sealing = { issuer, key: keys.signingKey(), now: Date.now, signal: end.signal };
    const made = await sealEvents(store, { ...sealing, onProgress: () => end.abort() });
    t.deepEqual(made, { seals: 16, through: 16 * 1024 });
    t.like(await verify(store, keys), { finding: null, sealedThrough: 16 * 1024, unsealed: 1025 });
    t.deepEqual(
      (await seal(store, keys)).map(({ first, last }) => [first, last]),
      [
        [16 * 1024 + 1, 17 * 1024],
        [17 * 1024 + 1, 17 * 1024 + 1],
      ],
    );
  },
);

testEachStore('a long tail gets several seals, and an unchanged trail none', async (t, database) => {
  const store = openStore(database.url);
  t.teardown(() => store.close());
  const keys = await newKeys(t);
  t.deepEqual(await seal(store, keys), []);
  await appendLogouts(store, 2500);
  const ranges = (await seal(store, keys)).map(({ number, first, last }) => [number, first, last]);
  t.deepEqual(ranges, [
    [1, 1, 1024],
    [2, 1025, 2048],
    [3, 2049, 2500],
  ]);
  t.deepEqual(await seal(store, keys), []);
  t.like(await verify(store, keys), { finding: null, events: 2500, unsealed: 0 });
});
