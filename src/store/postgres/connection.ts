// A connection to Postgres by itself, outside of the pools.
import pg from 'pg';

const applicationName = 'revocation-server';
export const acquireTimeoutMs = 5_000;

export function connectionTo(url: string) {
  return {
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: acquireTimeoutMs,
    keepAlive: true,
  };
}

export async function withConnectionOfItsOwn<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
  options: pg.ClientConfig = {},
): Promise<T> {
  const client = new pg.Client({ ...connectionTo(url), ...options });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** For one session: what a user or a database has for these, where this Postgres knows them, would end it amid its work. */
export const endlessSession = `select set_config(name, '0', false) from pg_settings
  where name in ('idle_session_timeout', 'transaction_timeout')`;
