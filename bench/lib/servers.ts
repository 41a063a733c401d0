// Starts what is measured, each in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface RunningProcess {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A reference of bench/servers, by its file name; it prints `{"port":…}` once it listens. */
export function startReference(name: string, env: Record<string, string> = {}): Promise<RunningProcess> {
  const child = spawn('node', ['--import', 'tsx', `${root}bench/servers/${name}.ts`], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return whenListening(child, (line) => (JSON.parse(line) as { port?: number }).port);
}

/** Our server as it is shipped: `npm run build` comes first. WORKERS may be given from outside. */
export function startOurs(env: Record<string, string>): Promise<RunningProcess> {
  const { PATH = '', WORKERS = '1' } = process.env;
  const child = spawn('node', [`${root}dist/src/main.js`], {
    env: { PATH, WORKERS, PORT: '0', HOST: '127.0.0.1', SEED_DEMO: 'no', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return whenListening(child, (line) => {
    if (!line.startsWith('{')) return undefined;
    const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
    return msg === 'listening' && url ? Number(new URL(url).port) : undefined;
  });
}

async function whenListening(
  child: ChildProcess,
  portOf: (line: string) => number | undefined,
): Promise<RunningProcess> {
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
