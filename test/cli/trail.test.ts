// The command line in the audit trail: whatever a command changes or is refused is an event of the operator,
// and nothing is changed when that event cannot be written. The commands run inside this process.
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Command } from 'commander';
import { auditCommand } from '../../src/cli/audit.ts';
import { clientCommand } from '../../src/cli/client.ts';
import { issuerCommand } from '../../src/cli/issuer.ts';
import { purgeCommand } from '../../src/cli/purge.ts';
import { revokeCommand } from '../../src/cli/revoke.ts';
import type { AuditEvent } from '../../src/domain/audit.ts';
import { openStore } from '../../src/store/open.ts';
import { TestApp } from '../helpers/app.ts';
import type { TestDatabase } from '../helpers/databases.ts';
import { dump } from '../helpers/dump.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { folderOf } from '../helpers/folders.ts';
import { TestIssuer } from '../helpers/issuer.ts';
import { run } from '../helpers/run.ts';
import { byHand } from '../helpers/tamper.ts';

const commands: Readonly<Record<string, (process: NodeJS.Process) => Command>> = {
  client: clientCommand,
  issuer: issuerCommand,
  revoke: revokeCommand,
  purge: purgeCommand,
  audit: auditCommand,
};

function operatorAt(t: ExecutionContext, database: TestDatabase) {
  const folder = folderOf(t);
  const env = { DATABASE_URL: database.url, SEAL_KEY_FILE: join(folder, 'keys.json') };
  const out = { write: () => true };
  /** Resolves to what refused the command; undefined when nothing did. */
  const type = async (line: string): Promise<string | undefined> => {
    const [name = '', ...args] = line.split(' ');
    const process = { env, argv: ['node', 'cli', name, ...args], stdout: out, stderr: out };
    const command = commands[name]?.(process as unknown as NodeJS.Process);
    return command?.parseAsync(args, { from: 'user' }).then(
      () => undefined,
      ({ message }: Error) => message,
    );
  };
  return type;
}

type Told = Pick<AuditEvent, 'action'> & Partial<AuditEvent>;
const refused = (code: string, command: string, more: Partial<AuditEvent> = {}): Told => ({
  action: 'request_refused',
  ...more,
  metadata: { ...more.metadata, code, command },
});

testEachStore('every command that changes or is refused something is an event', async (t, database) => {
  t.timeout(120_000);
  const type = operatorAt(t, database);
  const store = openStore(database.url);
  t.teardown(() => store.close());
  const app = await TestApp.start(database);
  const issuer = await TestIssuer.fetched(app);
  t.teardown(async () => {
    await issuer.stop();
    await app.stop();
  });
  const own = { metadata: { issuer: 'http://127.0.0.1:3000' } };
  const lines: readonly (readonly [string, readonly Told[]])[] = [
    ['client create --id c1 --permission introspect', [{ action: 'client_created', clientId: 'c1' }]],
    ['client create --id c1', [refused('client_exists', 'client create')]],
    [
      'client update c1 --permission audit --cascade grant',
      [
        {
          action: 'client_updated',
          clientId: 'c1',
          metadata: {
            changed: ['permissions', 'cascade'],
            token_endpoint_auth_method: 'client_secret_basic',
            permissions: ['audit'],
            audiences: [],
            issuers: [],
          },
        },
      ],
    ],
    ['client update c1 --permission audit', []],
    ['client update nobody --name x', [refused('not_found', 'client update')]],
    ['client rotate-secret c1', [{ action: 'client_secret_rotated', clientId: 'c1' }]],
    ['client rotate-secret nobody', [refused('not_found', 'client rotate-secret')]],
    ['client disable c1', [{ action: 'client_disabled', clientId: 'c1' }]],
    ['client disable c1', []],
    ['client enable c1', [{ action: 'client_enabled', clientId: 'c1' }]],
    ['client list', []],
    [
      'issuer add --issuer https://new.example --jwks-uri https://new.example/jwks',
      [{ action: 'issuer_added' }],
    ],
    [
      'issuer add --issuer https://new.example --jwks-uri https://new.example/jwks',
      [refused('issuer_exists', 'issuer add')],
    ],
    [
      `issuer refresh-keys ${issuer.name}`,
      [{ action: 'issuer_keys_refreshed', metadata: { issuer: issuer.name } }, { action: 'issuer_key_seen' }],
    ],
    ['issuer update https://new.example --reach all', [{ action: 'issuer_updated' }]],
    [
      'issuer update https://new.example --user-claim uid',
      [refused('invalid_request', 'issuer update', { metadata: { issuer: 'https://new.example' } })],
    ],
    ['issuer disable https://new.example', [{ action: 'issuer_disabled' }]],
    ['issuer enable https://new.example', [{ action: 'issuer_enabled' }]],
    [
      'revoke --session s1 --reason offboarding',
      [{ action: 'bulk_revoke', sessionId: 's1', reason: 'offboarding' }],
    ],
    ['revoke --subject u1 --reason admin --dry-run', []],
    [
      'revoke --client c1 --reason admin',
      [
        refused('confirmation_required', 'revoke', {
          clientId: 'c1',
          metadata: { kind: 'client', ...own.metadata },
        }),
      ],
    ],
    ['revoke --client c1 --reason admin --confirm c1', [{ action: 'bulk_revoke', clientId: 'c1' }]],
    ['purge --dry-run', []],
    ['purge', [{ action: 'purge' }]],
    ['audit seal', []],
    ['audit export --through 3', [{ action: 'audit_exported' }]],
    ['audit proof 1', [{ action: 'audit_read', metadata: { view: 'proof', id: '1', filters: {} } }]],
    ['audit proof 999', [refused('not_found', 'audit proof')]],
    ['audit erase --subject u1', [refused('confirmation_required', 'audit erase')]],
    ['audit erase --subject u1 --confirm u1', [{ action: 'erase' }, { action: 'erase' }]],
  ];
  for (const [line, told] of lines) {
    const head = await store.findEventHead();
    const before = await contents(database);
    if (told.length > 0) {
      await refuseEvents(database, true);
      t.not(await type(line), undefined, `${line}, its event unwritten`);
      await refuseEvents(database, false);
      t.deepEqual(await contents(database), before, `${line}: nothing is changed without its event`);
    }
    const refusal = await type(line);
    t.is(refusal !== undefined, told[0]?.action === 'request_refused', `${line}: ${refusal}`);
    const events = await store.listEventsAfter({ through: await store.findEventHead() }, head, 100);
    t.is(events.length, told.length, line);
    for (const [n, event] of events.entries()) {
      t.like(event, told[n] as Told, line);
      t.deepEqual(event.actor, { kind: 'operator', id: userInfo().username }, line);
      t.like(event, { channel: 'cli', ip: null, userAgent: null, requestId: null }, line);
    }
  }
});

testEachStore(
  'a user without a name, as containers may have, is an operator by number',
  async (t, database) => {
    const nameless = `import os from 'node:os';
    import { syncBuiltinESMExports } from 'node:module';
    os.userInfo = () => { throw Object.assign(new Error('no such user'), { code: 'ERR_SYSTEM_ERROR' }); };
    syncBuiltinESMExports();`;
    const args = ['--import', `data:text/javascript,${nameless}`, 'dist/src/cli/main.js', 'client', 'create'];
    const { code, stderr } = await run(process.execPath, [...args, '--id', 'c1'], {
      DATABASE_URL: database.url,
    });
    t.is(code, 0, stderr);
    const store = openStore(database.url);
    t.teardown(() => store.close());
    const [event] = await store.listEventsAfter({ through: await store.findEventHead() }, 0, 1);
    t.deepEqual(event?.actor, { kind: 'operator', id: String(userInfo().uid) });
  },
);

/** The database itself refuses events, as a full disk would. */
async function refuseEvents(database: TestDatabase, isRefusing: boolean): Promise<void> {
  await byHand(database, async (sql) => {
    if (database.kind === 'sqlite') {
      await sql(
        isRefusing
          ? `create trigger refuse_events before insert on audit_events begin select raise(abort, 'full'); end`
          : 'drop trigger refuse_events',
      );
      return;
    }
    await sql(
      isRefusing
        ? 'alter table audit_events add constraint refuse_events check (seq < 0) not valid'
        : 'alter table audit_events drop constraint refuse_events',
    );
  });
}

/** What upkeep and migrations note for themselves is not counted. */
async function contents(database: TestDatabase) {
  const tables = Object.entries(await dump(database));
  return Object.fromEntries(tables.filter(([name]) => !/^(upkeep|knex_.*|sqlite_.*)$/.test(name)));
}
