// Starts what is measured, each in a process of its own, all of them compiled: `tsc` comes first.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { basic } from './load.ts';

export interface RunningProcess {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: { start: string } };
/** With which `npm start` runs Node. */
const ourFlags = scripts.start.split(' ').filter((word) => word.startsWith('--'));

/** A server of bench/servers, by its file name; it prints `{"port":…}` once it listens. */
export function startReference(
  name: string,
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<RunningProcess> {
  const child = spawn('node', [...flags, `${root}dist/bench/servers/${name}.js`], {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return whenListening(child, (line) =>
    line.startsWith('{"port"') ? (JSON.parse(line) as { port: number }).port : undefined,
  );
}

const peerClient = { CLIENT_ID: 'bench-app', CLIENT_SECRET: 'bench-app-secret'.padEnd(40, '0') };
/** Of the one client that npm `oidc-provider` knows. */
export const peerAuthorization = basic(peerClient.CLIENT_ID, peerClient.CLIENT_SECRET);

/** npm `oidc-provider`, with its tokens in memory. */
export function startPeer(env: Record<string, string>): Promise<RunningProcess> {
  return startReference('oidc-provider', { ...peerClient, ...env });
}

/** Our server as it is shipped. WORKERS may be given from outside. */
export function startOurs(env: Record<string, string>): Promise<RunningProcess> {
  const child = spawn('node', [...ourFlags, `${root}dist/src/main.js`], {
    env: ourEnv(env),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return whenListening(child, (line) => {
    if (!line.startsWith('{')) return undefined;
    const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
    return msg === 'listening' && url ? Number(new URL(url).port) : undefined;
  });
}

/** A server of bench/servers that is our own, changed in one respect. */
export function startVariant(name: string, env: Record<string, string>): Promise<RunningProcess> {
  return startReference(name, { NODE_ENV: '', ...ourEnv(env) }, ourFlags);
}

function ourEnv(env: Record<string, string>): Record<string, string> {
  const { PATH = '', WORKERS = '1' } = process.env;
  return { PATH, WORKERS, PORT: '0', HOST: '127.0.0.1', SEED_DEMO: 'no', ...env };
}

const children = new Set<ChildProcess>();
// Ends all processes, however the bench ends.
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

async function whenListening(
  child: ChildProcess,
  portOf: (line: string) => number | undefined,
): Promise<RunningProcess> {
  children.add(child);
  child.once('exit', () => children.delete(child));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a server ended at its start, with ${code}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const found = portOf(line);
      if (found !== undefined) resolve(found);
    });
  });
  return {
    port,
    pid: child.pid as number,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}
