// `healthcheck`: is the server on this machine ready? For containers and service managers.
import { Command } from 'commander';
import { readConfig } from '../config.ts';
import { localUrl } from '../local-url.ts';

const timeoutMs = 5_000;

export function healthcheckCommand(process: NodeJS.Process): Command {
  return new Command('healthcheck')
    .description('ask the server at HOST and PORT whether it is ready; exits with 0 or 1')
    .action(async () => {
      const { host, port } = readConfig(process.env);
      const url = localUrl(host, port);
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        const response = await fetch(`${url}/health/ready`, { signal });
        process.stdout.write(`${await response.text()}\n`);
        process.exitCode = response.ok ? 0 : 1;
      } catch {
        process.stderr.write(`No server answers at ${url}. Is it running, and on this PORT?\n`);
        process.exitCode = 1;
      }
    });
}
