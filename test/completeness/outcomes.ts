// What a table of outcomes is made of, and how it is walked: by turns a request is sent straight and through a
// trusted proxy, first while no event can be written; the events that it leaves are compared whole.
import type { ExecutionContext } from 'ava';
import type { AuditEvent } from '../../src/domain/audit.ts';
import type { TestApp } from '../helpers/app.ts';
import { dump } from '../helpers/dump.ts';
import { eventually } from '../helpers/eventually.ts';
import type { Auth, Fields, Reply, TestClient } from '../helpers/requests.ts';

/** The server to ask; its requests bear what events tell of a request. */
export class Caller {
  readonly app: TestApp;
  readonly headers: Readonly<Record<string, string>>;

  constructor(app: TestApp, requestId: string) {
    this.app = app;
    this.headers = {
      'User-Agent': 'walker/1.0',
      'X-Request-Id': requestId,
      'X-Forwarded-For': '198.51.100.7, 203.0.113.9',
    };
  }

  form(path: string, fields: Fields, auth?: Auth): Promise<Reply> {
    return this.app.form(path, fields, auth, { headers: this.headers });
  }

  json(path: string, value: unknown, auth?: Auth, headers: Record<string, string> = {}): Promise<Reply> {
    return this.app.json(path, value, auth, { headers: { ...this.headers, ...headers } });
  }

  patch(path: string, value: unknown, auth?: Auth): Promise<Reply> {
    return this.app.patch(path, value, auth, { headers: this.headers });
  }

  post(path: string, auth?: Auth): Promise<Reply> {
    return this.app.request('POST', path, { auth, headers: this.headers });
  }

  delete(path: string, auth?: Auth): Promise<Reply> {
    return this.app.delete(path, auth, { headers: this.headers });
  }

  get(path: string, auth?: Auth): Promise<Reply> {
    return this.app.get(path, auth, { headers: this.headers });
  }
}

/** An event but for what its request says; members not given are null. */
export type Expected = Partial<AuditEvent> & Pick<AuditEvent, 'action' | 'actor'>;

export interface Case {
  readonly act: (caller: Caller) => Promise<Reply>;
  readonly status: number;
  /** Oldest first. */
  readonly events: readonly Expected[];
  /** What is answered when no event can be written; null where the answer does not wait for it. */
  readonly unwritten?: number | null;
}

/** Names `METHOD /path: what becomes of it`; each makes its case anew. */
export type Outcomes<World> = Readonly<Record<string, (world: World) => Promise<Case>>>;

export function client(of: TestClient | string): AuditEvent['actor'] {
  return { kind: 'client', id: typeof of === 'string' ? of : of.client_id };
}

export const nobody = { kind: 'client', id: null } as const;

/** A request that was refused to a caller who had proved who it is. */
export function refused(
  by: TestClient,
  code: string,
  route: string,
  more: Partial<AuditEvent> = {},
  method = 'POST',
): Expected {
  const metadata = { ...more.metadata, code, method, route };
  return { action: 'request_refused', actor: client(by), ...more, metadata };
}

export async function walk<World>(
  t: ExecutionContext,
  app: TestApp,
  channel: AuditEvent['channel'],
  outcomes: Outcomes<World>,
  world: World,
): Promise<void> {
  t.timeout(180_000);
  const proxied = await app.another({ TRUST_PROXY: '127.0.0.1/32,::1/128,198.51.100.0/24' });
  for (const [number, [name, make]] of Object.entries(outcomes).entries()) {
    const server = number % 2 === 0 ? app : proxied;
    const caller = new Caller(server, `walk-${number}`);
    const { act, status, events, unwritten = 503 } = await make(world);
    if (events.length > 0 && unwritten !== null) {
      const before = await contents(app);
      server.store.fault = 'events';
      t.is((await act(caller)).status, unwritten, `${name}, its event unwritten`);
      server.store.fault = 'none';
      t.deepEqual(await contents(app), before, `${name}: nothing is changed without its event`);
    }
    const head = await app.store.findEventHead();
    const reply = await act(caller);
    t.is(reply.status, status, `${name}: ${reply.text}`);
    const wanted = events.map((event) => ({
      ...{ userId: null, clientId: null, sessionId: null, tokenRef: null, reason: null, reasonText: null },
      ...{ count: 1, metadata: {}, channel, requestId: `walk-${number}`, userAgent: 'walker/1.0' },
      ip: server === app ? '127.0.0.1' : '203.0.113.9',
      ...event,
    }));
    t.deepEqual(inOrder(await written(app, head, wanted.length)), inOrder(wanted), name);
  }
}

/**
 * As they came. But where each decision has a full batch to itself, one line may overtake another within a request,
 * and which of its events comes first is not promised.
 */
function inOrder<Event extends Omit<AuditEvent, 'seq' | 'at'>>(events: readonly Event[]): Event[] {
  if (process.env.TEST_BATCHES !== 'full') return [...events];
  const nameOf = ({ action, sessionId, tokenRef }: Event) => `${action} ${sessionId} ${tokenRef}`;
  return events.toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)));
}

/** What requests have written since, all told; those that come after the answer are waited for. */
async function written(app: TestApp, head: number, count: number) {
  let events: AuditEvent[] = [];
  await eventually(
    async () => {
      const all = await app.events();
      events = all.filter(({ seq, channel }) => seq > head && channel !== 'system');
      return events.length >= count || undefined;
    },
    () => events,
  );
  return events.map(({ seq: _, at: __, metadata: { walk: ___, ...metadata }, ...event }) => ({
    ...event,
    metadata,
  }));
}

async function contents(app: TestApp) {
  const { upkeep: _, ...tables } = await dump(app.database);
  return tables;
}
