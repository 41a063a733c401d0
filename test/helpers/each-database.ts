// One test, run on SQLite and on Postgres, each time with a database of its own and a server on it. A
// missing Postgres is an error, never a silent skip; what only one of them can show says so by `testOn`.
import test, { type ExecutionContext } from 'ava';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { TestApp, type TestSettings } from './app.ts';
import { type DatabaseKind, freshDatabase, migratedDatabase, type TestDatabase } from './databases.ts';

const kinds: readonly DatabaseKind[] = ['sqlite', 'postgres'];

/** Tests of one file that run side by side: more would only wait for each other's databases. */
const testsAtOnce = 4;
let running = 0;
const waiting: (() => void)[] = [];

async function atMostAFew(work: () => Promise<void>): Promise<void> {
  if (running >= testsAtOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

type AppTest = (t: ExecutionContext, app: TestApp) => Promise<void>;

/** `settings` are environment variables for the server. */
export function testEachDatabase(title: string, run: AppTest, settings: TestSettings = {}): void {
  for (const kind of kinds) testOn(kind, title, run, settings);
}

/** For what only one of the databases has, or does: a test that says nothing on the other one is not run there. */
export function testOn(kind: DatabaseKind, title: string, run: AppTest, settings: TestSettings = {}): void {
  test(`${title} (${kind})`, (t) =>
    atMostAFew(async () => {
      const database = await migratedDatabase(kind);
      t.teardown(database.drop);
      const app = await TestApp.start(database, settings);
      try {
        await run(t, app);
      } catch (error) {
        // The error says only that the store is unavailable; its cause says why.
        if (error instanceof StoreUnavailable) t.log(error.cause);
        for (const { error: name, cause } of app.log) if (cause) t.log(name, cause);
        throw error;
      } finally {
        t.deepEqual(await app.stop(), [], 'places where a token or secret was written down');
      }
    }));
}

/** As `testEachDatabase`, for what lies beneath the server; `empty` leaves out the migrations. */
export function testEachStore(
  title: string,
  run: (t: ExecutionContext, database: TestDatabase) => Promise<void>,
  { empty = false } = {},
): void {
  for (const kind of kinds) {
    test(`${title} (${kind})`, (t) =>
      atMostAFew(async () => {
        const database = await (empty ? freshDatabase(kind) : migratedDatabase(kind));
        t.teardown(database.drop);
        await run(t, database);
      }));
  }
}
