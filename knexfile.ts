// For the knex command line: `npm run knex -- migrate:status`. The server and `revocation-server migrate`
// use the same migration source.
import { readConfig } from './src/config.ts';
import { dialectOf } from './src/store/dialect.ts';
import { migrationConfig } from './src/store/migration-source.ts';

const { client } = dialectOf(readConfig(process.env).databaseUrl).openMigrator();

export default {
  ...client.config,
  migrations: migrationConfig,
  seeds: { directory: `${import.meta.dirname}/seeds`, loadExtensions: ['.ts'] },
};
