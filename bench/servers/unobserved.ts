// Our own server as if it had never been told to log, to count or to keep an audit trail: the log is silent,
// metrics and recorders do nothing, and what decisions say for the trail is dropped at the port.
import { readConfig } from '../../src/config.ts';
import type { Store } from '../../src/domain/store.ts';
import { FloodRecorder } from '../../src/http/flood-recorder.ts';
import { DeadTokenRecorder } from '../../src/http/oauth/dead-token-recorder.ts';
import { Metrics } from '../../src/http/ops/metrics.ts';
import { createLog } from '../../src/log.ts';
import { serveStore } from '../../src/server.ts';
import { openStore } from '../../src/store/open.ts';
import { sayPort } from '../lib/listen.ts';

Metrics.prototype.count = () => {};
DeadTokenRecorder.prototype.note = () => {};
FloodRecorder.prototype.record = async () => {};

const config = readConfig({ ...process.env, SEAL_INTERVAL_SECONDS: '0' });
const log = createLog({ level: 'silent', format: 'json', write: () => {} });
const store = openStore(config.databaseUrl);
const write = store.write.bind(store);
store.write = ((decide) =>
  write((facts, now) => {
    const { outcome, effects } = decide(facts, now);
    return { outcome, effects: { ...effects, events: [] } };
  })) as Store['write'];
const server = await serveStore(store, config, log, { nodeVersion: process.version });
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
sayPort(Number(new URL(server.url).port));
