// The process around the server: settings from the environment, signals, exit codes, and what a person
// reads on the console. Shared by `node dist/src/main.js` and
// `revocation-server serve`.
import { seedDemo } from '../../seeds/demo.ts';
import { policyOf } from '../app.ts';
import { type Config, ConfigError, readConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { type RunningServer, startServer } from '../server.ts';
import { describeFailure } from './failure.ts';

export async function serve(process: NodeJS.Process): Promise<void> {
  const say = (text: string) => process.stdout.write(`${text}\n`);
  let config: Config;
  try {
    config = readConfig(process.env, { isTerminal: process.stdout.isTTY });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 78;
    return;
  }
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    write: (line) => process.stdout.write(line),
  });
  for (const warning of config.warnings) log.warn(warning);
  let server: RunningServer;
  try {
    server = await startServer(config, log, { nodeVersion: process.version });
    log.info({ url: server.url, admin_url: server.adminUrl }, 'listening');
    const text = await greeting(server, config);
    // Before the last words: who waits for them may send a signal at once.
    stopOnSignal(process, server, () => log.info('stopped'));
    say(text);
  } catch (error) {
    process.stderr.write(`${describeFailure(error)}\n`);
    process.exit(1);
  }
}

function stopOnSignal(process: NodeJS.Process, server: RunningServer, stopped: () => void): void {
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    await server.stop();
    stopped();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
}

/** On an empty database of a newcomer: demo data, and what to type next. */
async function greeting(server: RunningServer, config: Config): Promise<string> {
  const { store, url, adminUrl } = server;
  const isEmpty = (await store.listClients('', 1)).length === 0;
  if (config.seedDemo && isEmpty) return seedDemo(store, policyOf(config), { url, adminUrl });
  if (!isEmpty) return '';
  return 'There is no client yet. Make one: npm run -s cli -- client create --id my-issuer --permission register';
}
