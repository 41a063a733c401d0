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
