// What is read for a batch of questions, and how often: each reading is a round trip.
import type { ExecutionContext } from 'ava';
import { type Digest, digestOf } from '../../src/domain/claims.ts';
import type { Facts } from '../../src/domain/store.ts';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { type Asked, answerBatch } from '../../src/store/answer.ts';
import { dialectOf } from '../../src/store/dialect.ts';
import { closeDatabase, type OpenDatabase, openDatabase } from '../../src/store/open-database.ts';
import { selectHeads } from '../../src/store/tables/heads.ts';
import { eraseTokens } from '../../src/store/upkeep/erase.ts';
import { TestApp } from '../helpers/app.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';

const nobodys = digestOf('nobody registered this');

const userOf = (digest: Digest) => (facts: Facts) => facts.token(digest)?.subject;
const about = (digest: Digest): Asked => ({ question: userOf(digest), tokens: [digest] });

/** Notes from now on what is read of heads and of tokens. */
function watch({ reader }: OpenDatabase): string[] {
  const { client } = reader;
  const readings: string[] = [];
  const note = (method: string, nameOf: (...args: string[]) => string | undefined) => {
    const read = client[method].bind(client);
    client[method] = (...args: string[]) => {
      const name = nameOf(...args);
      if (name !== undefined) readings.push(name);
      return read(...args);
    };
  };
  note('findRow', (sql) => (sql === selectHeads(reader) ? 'heads' : undefined));
  note('findRowsByKey', () => 'tokens');
  note('findRowAndRowsByKey', () => 'heads and tokens');
  return readings;
}

/** The answers of one batch. */
async function answersOf(database: OpenDatabase, asked: readonly Asked[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  const entries = asked.map((item, n) => {
    const settle = (value: unknown) => {
      answers[n] = value;
    };
    return { item, line: 'bulk', since: 0, resolve: settle, reject: settle } as const;
  });
  await answerBatch(database, entries);
  return answers;
}

/** A test of a database whose memory is up to date, beside a server on it. */
function testBatches(
  title: string,
  run: (t: ExecutionContext, database: OpenDatabase, app: TestApp) => Promise<void>,
): void {
  testEachStore(title, async (t, place) => {
    const app = await TestApp.start(place);
    // What is read with the heads does not count where they announce something new: a client, or settings that are noted.
    await app.issuer();
    await eventually(async () => (await app.store.upkeep.readNote('lifetime_days_max')) > 0 || undefined);
    const database = openDatabase(dialectOf(place.url));
    await answersOf(database, []);
    await run(t, database, app);
    await closeDatabase(database);
    await app.stop();
  });
}

testBatches(
  'the tokens that questions are about are read together with the heads, until they are remembered',
  async (t, database, app) => {
    const one = digestOf(await app.register({ client_id: 'c1', sub: 'u1' }));
    const other = digestOf(await app.register({ client_id: 'c1', sub: 'u2' }));
    const readings = watch(database);
    const asked = [about(one), about(nobodys), about(other), about(one)];

    t.deepEqual(await answersOf(database, asked), ['u1', undefined, 'u2', 'u1']);
    t.deepEqual(readings.splice(0), ['heads and tokens'], 'also for the one that is not there');
    t.deepEqual(await answersOf(database, [about(one), about(other)]), ['u1', 'u2']);
    t.deepEqual(readings.splice(0), ['heads and tokens']);
    t.deepEqual(await answersOf(database, [about(one), about(other)]), ['u1', 'u2']);
    t.deepEqual(readings.splice(0), ['heads'], 'a name that came before is remembered');
  },
);

testBatches('a question may ask for other tokens than it said, or say none', async (t, database, app) => {
  const [one, other] = [
    digestOf(await app.register({ client_id: 'c1', sub: 'u1' })),
    digestOf(await app.register({ client_id: 'c1', sub: 'u2' })),
  ];
  const readings = watch(database);

  // First of all: later it may be known, without a look-up, that nobody registered this.
  t.deepEqual(await answersOf(database, [{ question: userOf(nobodys), tokens: [other] }]), [undefined]);
  t.deepEqual(
    readings.splice(0),
    ['heads and tokens', 'tokens', 'heads'],
    'an erasure may have come between heads and tokens',
  );
  t.deepEqual(await answersOf(database, [{ question: userOf(one), tokens: [other, nobodys] }]), ['u1']);
  t.deepEqual(readings.splice(0), ['heads and tokens', 'tokens']);
  t.deepEqual(await answersOf(database, [{ question: userOf(other), tokens: [] }]), ['u2']);
  t.deepEqual(readings.splice(0), ['heads', 'tokens']);
});

testBatches('what was read with the heads is as of them', async (t, database, app) => {
  const { client } = database.reader;
  const read = client.findRowAndRowsByKey.bind(client);
  let late = '';
  client.findRowAndRowsByKey = async (...args: unknown[]) => {
    const found = await read(...args);
    late = await app.register({
      client_id: 'c1',
      sub: 'u1',
      token: 'registered after the heads were read'.padEnd(43, '.'),
    });
    return found;
  };
  const digest = digestOf('registered after the heads were read'.padEnd(43, '.'));

  t.deepEqual(await answersOf(database, [about(digest)]), [undefined]);
  client.findRowAndRowsByKey = read;
  t.is(digestOf(late), digest);
  t.deepEqual(await answersOf(database, [about(digest)]), ['u1']);
});

testBatches(
  'a token that is erased before the records are read anew is not remembered',
  async (t, database, app) => {
    const one = digestOf(await app.register({ client_id: 'c1', sub: 'u1' }));
    const other = digestOf(await app.register({ client_id: 'c1', sub: 'u1' }));
    t.deepEqual(await answersOf(database, [about(one)]), ['u1']);
    await eraseTokens(database.writer, [other]);
    const { client } = database.reader;
    const read = client.findRowAndRowsByKey.bind(client);
    client.findRowAndRowsByKey = async (...args: unknown[]) => {
      const found = await read(...args);
      await eraseTokens(database.writer, [one]);
      return found;
    };

    await answersOf(database, [about(one)]);
    client.findRowAndRowsByKey = read;
    t.deepEqual(await answersOf(database, [about(one)]), [undefined]);
  },
);

testEachStore('without heads nothing is answered', async (t, place) => {
  const database = openDatabase(dialectOf(place.url));
  await answersOf(database, []);
  await database.writer('heads').delete();

  await t.throwsAsync(answersOf(database, [about(nobodys)]), { instanceOf: StoreUnavailable });
  await t.throwsAsync(answersOf(database, [{ question: userOf(nobodys), tokens: [] }]), {
    instanceOf: StoreUnavailable,
  });

  await closeDatabase(database);
});
