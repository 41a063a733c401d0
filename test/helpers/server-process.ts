// The built server as a process of its own, on a free port, as an operator runs it; clients made by the
// command line; and calls that each have a connection of their own.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import { systemOrigin } from '../../src/domain/audit.ts';
import { createClient as createClientRecord, plainClient } from '../../src/domain/records/manage-clients.ts';
import type { Permission } from '../../src/domain/vocabulary.ts';
import { openStore } from '../../src/store/open.ts';
import { type Auth, authorization, encodeForm, type Reply, type TestClient } from './requests.ts';
import { problemsOf } from './response-contract.ts';
import { cli, type Env, start } from './run.ts';

export interface ServerProcess {
  readonly url: string;
  /** All that it has written so far. */
  output(): string;
  /** Lines of its log, parsed. */
  log(): Record<string, unknown>[];
  /** Sends a signal, if any, and waits for the end; resolves to the exit code, null when the signal killed it. */
  end(signal?: 'SIGHUP' | 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
}

async function startServerProcess(
  env: Env,
  program: string,
  args: readonly string[],
): Promise<ServerProcess> {
  const child = start(program, args, { PORT: '0', LOG_FORMAT: 'json', ...env });
  let output = '';
  const read = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  const url = await listening(child, () => output);
  // Waits until all of its output has come.
  const ended = once(child, 'close') as Promise<[number | null]>;
  return {
    url,
    output: () => output,
    log: () => jsonLines(output),
    async end(signal) {
      if (signal && child.exitCode === null && child.signalCode === null) child.kill(signal);
      return (await ended)[0];
    },
  };
}

/** The same, ended with the test; `program` is Node, or becomes it. */
export async function launch(
  t: ExecutionContext,
  env: Env,
  program = process.execPath,
  args: readonly string[] = ['dist/src/main.js'],
): Promise<ServerProcess> {
  const server = await startServerProcess(env, program, args);
  t.teardown(() => server.end('SIGKILL'));
  return server;
}

export async function createClient(env: Env, id: string, ...options: string[]): Promise<TestClient> {
  const { code, stdout, stderr } = await cli(['client', 'create', '--id', id, '--json', ...options], env);
  if (code !== 0) throw new Error(stderr);
  const { client_id, client_secret } = JSON.parse(stdout);
  return { client_id, secret: client_secret };
}

/** The same without starting a program for each: clients by their ids, with their permissions. */
export async function addClients<Id extends string>(
  databaseUrl: string,
  clients: Readonly<Record<Id, readonly Permission[]>>,
): Promise<Record<Id, TestClient>> {
  const store = openStore(databaseUrl);
  const added: Record<string, TestClient> = {};
  for (const [clientId, permissions] of Object.entries<readonly Permission[]>(clients)) {
    const created = await createClientRecord(store, systemOrigin, plainClient({ clientId, permissions }));
    if (created.status !== 'created') throw new Error(`there is a client ${clientId} already`);
    added[clientId] = { client_id: clientId, secret: created.newSecret ?? '' };
  }
  await store.close();
  return added;
}

/**
 * True when no connection is taken any more. One that came in the instant in which the last worker closed its
 * port is held by `node:cluster` until the first process ends: it is asked again.
 */
export async function isRefused(url: string): Promise<true | undefined> {
  try {
    const init = { headers: { connection: 'close' }, signal: AbortSignal.timeout(1000) };
    await (await fetch(`${url}/health/alive`, init)).text();
    return undefined;
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? undefined : true;
  }
}

const callMs = 10_000;

export interface Sent {
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** POST with a body, else GET, unless it is given. */
  readonly method?: string;
}

/**
 * A call over a connection of its own; without a body it is a GET. Throws when openapi.yaml does not describe the
 * answer.
 */
export async function call(
  url: string,
  path: string,
  auth: Auth,
  { form, json, method }: Sent = {},
): Promise<Reply> {
  const verb = method ?? (form || json ? 'POST' : 'GET');
  const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
  const sent = request(`${url}${path}`, {
    method: verb,
    agent: false,
    signal: AbortSignal.timeout(callMs),
    headers: { authorization: authorization(auth), ...(verb !== 'GET' && { 'content-type': type }) },
  });
  // A server that is killed may also break off a connection whose answer has begun.
  sent.on('error', () => {});
  sent.end(form ? encodeForm(form) : json ? JSON.stringify(json) : undefined);
  const [response] = await once(sent, 'response');
  const { statusCode: status, headers } = response;
  const body = await text(response);
  const problems = problemsOf({ method: verb, path, status, headers, text: body }, []);
  if (problems.length > 0) throw new Error(`${verb} ${path} → ${status}: ${problems.join('; ')}\n${body}`);
  const isJson = /[/+]json\b/.test(headers['content-type'] ?? '');
  return { status, headers, text: body, body: isJson ? JSON.parse(body) : undefined };
}

/**
 * A registration for which the server waits: resolves once it has asked for the body. The function sends that, and
 * resolves to the status code, what became of the token, and whether the connection is kept.
 */
export async function beginRegistration(
  url: string,
  issuer: TestClient,
  token: string,
  agent: Agent | false = false,
): Promise<() => Promise<unknown[]>> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { token_use: 'access_token', client_id: 'app', iat: now, exp: now + 60 };
  const body = JSON.stringify({ token, ...claims });
  const sent = request(`${url}/v1/tokens`, {
    agent,
    method: 'POST',
    headers: {
      authorization: authorization(issuer),
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      expect: '100-continue',
    },
  });
  sent.flushHeaders();
  await once(sent, 'continue');
  return async () => {
    sent.end(body);
    const [response] = await once(sent, 'response');
    const { status } = JSON.parse(await text(response));
    return [response.statusCode, status, response.headers.connection];
  };
}

/** The address that the server logs once it listens; waits until all output of its start has come. */
async function listening(child: ChildProcess, output: () => string): Promise<string> {
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the server ended before it listened:\n${output()}`);
  });
  for (;;) {
    const line = jsonLines(output()).find(({ msg }) => msg === 'listening');
    if (line) {
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
