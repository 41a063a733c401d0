// Runs programs of the package as an operator would: the server, its command line, and knex's.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Env = Readonly<Record<string, string>>;

/** Starts a program in the package's folder, where AVA runs, with no settings but these. */
export function start(command: string, args: readonly string[], env: Env): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(command, args, {
    env: { PATH, HOME, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs a program to its end; `input` is what it reads. */
export async function run(command: string, args: readonly string[], env: Env, input = ''): Promise<Ran> {
  const child = start(command, args, env);
  // A program may end before it has read all.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** The command line of the built package. */
export function cli(args: readonly string[], env: Env, input?: string): Promise<Ran> {
  return run(process.execPath, ['dist/src/cli/main.js', ...args], env, input);
}
