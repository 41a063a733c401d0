// The built server as a process of its own, on a free port, as an operator runs it.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type Env, start } from './run.ts';

export interface ServerProcess {
  readonly url: string;
  /** All that it has written so far. */
  output(): string;
  /** Lines of its log, parsed. */
  log(): Record<string, unknown>[];
  /** Sends a signal and waits for the end; resolves to the exit code, null when the signal killed it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
}

export async function startServerProcess(env: Env): Promise<ServerProcess> {
  const child = start(process.execPath, ['dist/src/main.js'], { PORT: '0', LOG_FORMAT: 'json', ...env });
  let output = '';
  const read = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  const url = await listening(child, () => output);
  const ended = once(child, 'exit') as Promise<[number | null]>;
  return {
    url,
    output: () => output,
    log: () => jsonLines(output),
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return (await ended)[0];
    },
  };
}

/** The address that it logs once it listens and has said all that it says at its start. */
async function listening(child: ChildProcess, output: () => string): Promise<string> {
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the server ended before it listened:\n${output()}`);
  });
  for (;;) {
    const line = jsonLines(output()).find(({ msg }) => msg === 'listening');
    if (line && /\n[^{]*\n$/.test(output())) {
      ended.catch(() => {});
      return String(line.url);
    }
    await Promise.race([once(child.stdout as NodeJS.EventEmitter, 'data'), ended]);
  }
}

function jsonLines(output: string): Record<string, unknown>[] {
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}
