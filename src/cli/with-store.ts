// Opens the database for one command, and closes it however the command ends. Events name the operating-system user
// as their actor; a refused command is recorded, too.
import { userInfo } from 'node:os';
import { type Config, readConfig } from '../config.ts';
import { eventOf, type Origin } from '../domain/audit.ts';
import { recordEvents, type Store } from '../domain/store.ts';
import { demandSchema, haveMadeSchema, migrateUp } from '../store/migrate.ts';
import { openStore } from '../store/open.ts';
import { Refusal, refusalCodes } from '../wire/refusal.ts';

type Work<T> = (store: Store, config: Config, origin: Origin) => Promise<T>;

const madeNew =
  'There was no database where DATABASE_URL points; now there is. If a server runs already, it has another one: correct DATABASE_URL.\n';
const madeCurrent = 'The schema of the database was old; now it is up to date.\n';

/** For commands that may run before the first start of the server: creates the database where serving would, too. */
export async function withNewStore<T>(process: NodeJS.Process, work: Work<T>): Promise<T> {
  const { databaseUrl, migrateOnStart } = readConfig(process.env);
  const ran = migrateOnStart ? await migrateUp(databaseUrl) : [];
  if (ran.length > 0) process.stderr.write(haveMadeSchema(ran) ? madeNew : madeCurrent);
  return withStore(process, work);
}

/** All other commands create no database: after a typo in DATABASE_URL a revocation would succeed and end nothing. */
export async function withStore<T>(process: NodeJS.Process, work: Work<T>): Promise<T> {
  const config = readConfig(process.env);
  await demandSchema(config.databaseUrl);
  const store = openStore(config.databaseUrl, { lifetimeDaysMax: config.tokenLifetimeDaysMax });
  const actor = { kind: 'operator', id: operatorOf(process) } as const;
  const origin: Origin = { actor, channel: 'cli', ip: null, userAgent: null, requestId: null };
  try {
    return await work(store, config, origin);
  } catch (error) {
    if (error instanceof Refusal) await recordRefusal(store, origin, error, process.argv);
    throw error;
  } finally {
    await store.close();
  }
}

/** A container may run as a user who has no name there. */
function operatorOf({ geteuid }: NodeJS.Process): string {
  try {
    return userInfo().username;
  } catch {
    return String(geteuid?.());
  }
}

/** Commands with subcommands. */
const groups = ['client', 'issuer', 'audit'];

async function recordRefusal(
  store: Store,
  origin: Origin,
  { code, about }: Refusal,
  [, , command = '', subcommand = '']: readonly string[],
): Promise<void> {
  if (refusalCodes[code].status >= 500) return;
  const name = groups.includes(command) ? `${command} ${subcommand}` : command;
  const metadata = { ...about.metadata, code, command: name };
  const event = eventOf(origin, 'request_refused', { ...about, metadata });
  await recordEvents(store, [event]);
}
