// What a person finds when the server has started: demo data in an empty database, and what to type next.
import type { Logger } from 'pino';
import { seedDemo } from '../../seeds/demo.ts';
import type { Config } from '../config.ts';
import { policyOf } from '../domain/policy.ts';
import type { Client } from '../domain/records/clients.ts';
import type { Store } from '../domain/store.ts';
import { openStore } from '../store/open.ts';
import { methodsOffered, notOffered } from '../wire/auth-methods.ts';

const noClient =
  'There is no client yet. Make one: npm run -s cli -- client create --id my-issuer --permission register';

/** So many clients and issuers are looked at for the warnings. */
const recordsMax = 1_000;
/** So many clients a warning names. */
const namedMax = 10;

/** Where the server is reached. */
interface Urls {
  readonly url: string;
  readonly adminUrl: string;
}

/** Makes the demo data of an empty database, if settings allow it; resolves to the text for the console. */
export async function welcome(urls: Urls, config: Config, log: Logger): Promise<string> {
  const store = openStore(config.databaseUrl);
  try {
    const clients = await store.listClients('', recordsMax);
    if (clients.length === 0)
      return config.seedDemo ? await seedDemo(store, policyOf(config), urls) : noClient;
    await warnOfNamespace(store, clients, config, log);
    warnOfMethods(clients, config, log);
    if (!config.seedDemo) return '';
    return `The API is described at ${urls.adminUrl}/docs. Demo data is made, and its secrets shown, in an empty database only: to begin again, stop the server and delete its file.`;
  } finally {
    await store.close();
  }
}

function warnOfMethods(clients: readonly Client[], config: Config, log: Logger): void {
  const offered = methodsOffered(config);
  const off = clients.filter(
    ({ authMethod, disabledAt }) => disabledAt === null && !offered.includes(authMethod),
  );
  if (off.length > 0)
    log.warn({ clients: off.slice(0, namedMax).map(({ clientId }) => clientId) }, `clients ${notOffered}`);
}

/**
 * A server with a new PUBLIC_URL or PORT has a new namespace: orders that name no issuer do not reach the old tokens.
 */
async function warnOfNamespace(
  store: Store,
  clients: readonly Client[],
  { publicUrl }: Config,
  log: Logger,
): Promise<void> {
  const others = (await store.listLatestIssuers()).filter((issuer) => issuer !== publicUrl);
  if (others.length === 0) return;
  const issuers = await store.listIssuers('', recordsMax);
  const known = new Set([
    ...clients.flatMap((client) => client.issuers),
    ...issuers.map(({ issuer }) => issuer),
  ]);
  const foreign = others.find((issuer) => !known.has(issuer));
  if (foreign !== undefined)
    log.warn(
      { issuer: foreign, public_url: publicUrl },
      'tokens were registered under another PUBLIC_URL (or PORT): those are not meant by names without an issuer; set it back',
    );
}
