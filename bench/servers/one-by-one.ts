// Our own server, without the sharing of queries and commits: each question is a query of its own on its own
// connection of the pool, each decision a transaction of its own. All else is the same, so what it shows is
// what sharing is worth.
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { serveStore } from '../../src/server.ts';
import { openStore } from '../../src/store/open.ts';
import { sayPort } from '../lib/listen.ts';

const config = readConfig(process.env);
const log = createLog({
  level: config.logLevel,
  format: config.logFormat,
  write: (line) => process.stdout.write(line),
});
const store = openStore(config.databaseUrl, { batchMax: 1, lanes: 10 });
const server = await serveStore(store, config, log, { nodeVersion: process.version });
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
sayPort(Number(new URL(server.url).port));
