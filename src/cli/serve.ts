// The process around the server: settings from the environment, signals, exit codes, and what a person
// reads on the console. Shared by `node dist/src/main.js` and `revocation-server serve`.
import type { Logger } from 'pino';
import { type Config, ConfigError, readConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { loggedSentenceOf } from '../logged-errors.ts';
import { prepareServer, startServer } from '../server.ts';
import { startFleet } from '../workers/fleet.ts';
import { WorkerFailed } from '../workers/seat.ts';
import { describeFailure } from './failure.ts';
import { welcome } from './first-start.ts';
import { manageHeap } from './heap.ts';
import { openFilesMax } from './open-files.ts';
import { linesLost, type Output, writeTogether } from './write-together.ts';

/** A process that serves, or one whose workers do. */
interface Serving {
  readonly url: string;
  readonly adminUrl: string;
  readonly givenUp?: Promise<void>;
  stop(): Promise<void>;
}

export async function serve(process: NodeJS.Process): Promise<void> {
  manageHeap();
  const output = writeTogether(process, (lines) => log.warn({ lines }, linesLost));
  let config: Config;
  try {
    config = readConfig(process.env, { isTerminal: process.stdout.isTTY });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 78;
    return;
  }
  const hasWorkers = config.workers > 1;
  const log = createLog({
    level: config.logLevel,
    format: config.logFormat,
    write: output.write,
    ...(hasWorkers && { pid: process.pid }),
  });
  for (const warning of config.warnings) log.warn(warning);
  try {
    await prepareServer(config, log);
    const starting: Promise<Serving> = hasWorkers
      ? startFleet(config, log)
      : startServer(config, log, { nodeVersion: process.version, openFilesMax: openFilesMax(process) });
    // Before the start is complete: the first of several workers serves earlier than the last.
    stopWhenTold(process, starting, log, output);
    const server = await starting;
    const text = await welcome(server, config, log).catch((error) => {
      // It serves by now, and lasts out a database that fails.
      log.warn(
        { error: loggedSentenceOf(error) },
        'it serves, but demo data and warnings of settings are missing, as the database failed',
      );
      return '';
    });
    log.info({ url: server.url, admin_url: server.adminUrl }, 'listening');
    if (text !== '') output.write(`${text}\n`);
  } catch (error) {
    await output.end();
    process.stderr.write(`${error instanceof WorkerFailed ? error.message : describeFailure(error)}\n`);
    process.exit(1);
  }
}

/** npm passes on a Ctrl-C that the terminal has sent us already: two signals this close are one key press. */
const sameKeyMs = 1_000;

function stopWhenTold(
  process: NodeJS.Process,
  starting: Promise<Serving>,
  log: Logger,
  output: Output,
): void {
  let toldAt: number | null = null;
  const stop = async (code: number) => {
    if (toldAt !== null) return;
    toldAt = performance.now();
    let exitCode = code;
    log.info('stopping; open requests may end');
    // A failed start is reported elsewhere, and ends the process.
    const server = await starting.catch(() => null);
    if (!server) return;
    try {
      await server.stop();
      log.info('stopped');
    } catch (error) {
      log.error({ error: (error as Error).name }, 'stopped, but not as it should');
      exitCode = 1;
    }
    await output.end();
    process.exit(exitCode);
  };
  process.on('SIGTERM', () => void stop(0));
  // Its terminal was closed, or somebody hopes that files are read again.
  process.on('SIGHUP', () => void stop(0));
  // A second Ctrl-C: do not wait for open requests.
  process.on('SIGINT', () => {
    if (toldAt !== null && performance.now() - toldAt > sameKeyMs) process.exit(130);
    void stop(0);
  });
  const watch = ({ givenUp }: Serving) => givenUp?.then(() => stop(1));
  starting.then(watch, () => {});
}
