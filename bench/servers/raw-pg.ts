// The reference for durable revocation on Postgres: as little as one can do from one process. Bare node:http
// and one connection; requests that come while a commit is under way share the next one, in a single
// statement that inserts all revocations and their audit rows. No client is authenticated, no token looked
// up, no owner checked.
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import pg from 'pg';
import { listen } from '../lib/listen.ts';

interface Waiting {
  readonly digest: Buffer;
  readonly response: ServerResponse;
}

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await client.query(`
  set synchronous_commit = on;
  create table raw_revocations (seq bigserial primary key, key bytea not null unique, reason text not null, revoked_at bigint not null);
  create table raw_events (seq bigserial primary key, action text not null, key bytea not null, client_id text not null, at bigint not null)`);

const statement = {
  name: 'revoke',
  text: `with revoked as (
      insert into raw_revocations (key, reason, revoked_at)
      select key, 'client_request', $2 from unnest($1::bytea[]) as keys(key) on conflict do nothing returning key
    )
    insert into raw_events (action, key, client_id, at) select 'token_revoked', key, 'bench-app', $2 from revoked`,
};

let waiting: Waiting[] = [];
let isCommitting = false;

async function commit(): Promise<void> {
  if (isCommitting || waiting.length === 0) return;
  isCommitting = true;
  const batch = waiting;
  waiting = [];
  const now = Date.now();
  await client.query({ ...statement, values: [batch.map(({ digest }) => digest), now] });
  const body = JSON.stringify({ status: 'revoked', revoked_at: new Date(now).toISOString() });
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  for (const { response } of batch) response.writeHead(200, headers).end(body);
  isCommitting = false;
  void commit();
}

listen((request: IncomingMessage, response: ServerResponse) => {
  let body = '';
  request.setEncoding('latin1');
  request.on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    const token = new URLSearchParams(body).get('token') ?? '';
    waiting.push({ digest: hash('sha256', token, 'buffer'), response });
    setImmediate(() => void commit());
  });
});
