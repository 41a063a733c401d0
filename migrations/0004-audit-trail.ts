// Makes the audit trail provable: leaves and salts beside the events, seals over them, triggers that keep
// the logs append-only, and what sealing, sending and purging remember. Events that are there already get
// their leaves here, in the format `audit-event/1`, which is written out below: a migration stays as it was.
import { hash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';

/** Statements that are refused: always, or unless the transaction has put its row into append_only_passes. */
const guards = [
  { table: 'audit_events', refused: ['update', 'delete'], always: false },
  { table: 'revocations', refused: ['update', 'delete'], always: false },
  { table: 'tokens', refused: ['update'], always: false },
  { table: 'audit_seals', refused: ['update', 'delete'], always: true },
] as const;

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('audit_events', (t) => {
    t.binary('leaf');
    t.text('salts');
    t.text('erased');
  });
  await addLeaves(knex);

  await knex.schema.createTable('audit_seals', (t) => {
    t.comment(
      'Signed seals over ranges of the audit trail, chained. Never purged: they outlive their events',
    );
    t.bigInteger('number').primary();
    t.bigInteger('first_seq').notNullable();
    t.bigInteger('last_seq').notNullable().unique();
    t.bigInteger('last_at').notNullable();
    t.bigInteger('sealed_at').notNullable();
    t.text('jws').notNullable();
  });
  await knex.schema.createTable('upkeep', (t) => {
    t.comment(
      'What sealing, sending and purging remember: a number by name. A handful of rows, never purged',
    );
    t.string('name', 64).primary();
    t.bigInteger('value').notNullable();
  });
  await knex.schema.createTable('append_only_passes', (t) => {
    t.comment('Empty but inside a purge or an erasure, for whose transaction the triggers stand aside');
    t.string('pass', 64).primary();
  });
  await knex.schema.alterTable('tokens', (t) => t.index(['expires_at']));
  await knex.schema.alterTable('sessions', (t) => t.index(['expires_at']));
  for (const statement of isPostgres(knex) ? postgresGuards() : sqliteGuards()) await knex.raw(statement);
}

export async function down(knex: Knex): Promise<void> {
  for (const { table, refused } of guards) {
    for (const change of refused) {
      const on = isPostgres(knex) ? ` on ${table}` : '';
      await knex.raw(`drop trigger ${table}_refuse_${change}${on}`);
    }
    if (isPostgres(knex)) await knex.raw(`drop trigger ${table}_refuse_truncate on ${table}`);
  }
  if (isPostgres(knex)) await knex.raw('drop function refuse_change()');
  await knex.schema.alterTable('tokens', (t) => t.dropIndex(['expires_at']));
  await knex.schema.alterTable('sessions', (t) => t.dropIndex(['expires_at']));
  for (const table of ['append_only_passes', 'upkeep', 'audit_seals']) await knex.schema.dropTable(table);
  // On SQLite Knex would rebuild the table.
  for (const column of ['leaf', 'erased', 'salts'])
    await knex.raw(`alter table audit_events drop column ${column}`);
}

function isPostgres(knex: Knex): boolean {
  return knex.client.driverName === 'pg';
}

type EventRow = Readonly<Record<string, string | number | null>>;

async function addLeaves(knex: Knex): Promise<void> {
  let rows: EventRow[];
  let after = 0;
  do {
    rows = await knex('audit_events').where('seq', '>', after).orderBy('seq').limit(500);
    for (const row of rows) await knex('audit_events').where('seq', row.seq).update(toSaltedLeaf(row));
    after = Number(rows.at(-1)?.seq ?? after);
  } while (rows.length > 0);
}

/** Enter the leaf as salted commitments, in this order. */
const personal: Readonly<Record<string, (row: EventRow) => unknown>> = {
  user_id: (row) => row.user_id,
  actor_id: (row) => (row.actor_kind === 'user' ? row.actor_id : null),
  session_id: (row) => row.session_id,
  ip: (row) => row.ip,
  user_agent: (row) => row.user_agent,
  reason_text: (row) => row.reason_text,
  metadata: (row) => (row.metadata === '{}' ? null : canonicalJson(metadataOf(String(row.metadata)))),
};

function toSaltedLeaf(row: EventRow): { leaf: Buffer; salts: string } {
  const salts: string[] = [];
  const commitments = Object.entries(personal).map(([field, textOf]) => {
    const text = textOf(row);
    if (text === null) return null;
    const salt = randomBytes(16).toString('base64url');
    salts.push(salt);
    return hash('sha256', `${salt}.${field}.${text}`, 'base64url');
  });
  const members = [
    'audit-event/1',
    Number(row.seq),
    Number(row.at),
    row.action,
    row.reason,
    row.actor_kind,
    row.actor_kind === 'user' ? null : row.actor_id,
    row.channel,
    row.client_id,
    row.token_ref,
    row.request_id,
    row.count,
    ...commitments,
  ];
  // RFC 6962 §2.1: a leaf is hashed after a 0x00 byte.
  return { leaf: hash('sha256', `\0${JSON.stringify(members)}`, 'buffer'), salts: salts.join('') };
}

/** JSON that was damaged by hand must not stop the migration. */
function metadataOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return { unreadable: json };
  }
}

/** RFC 8785: members sorted by name, no white space. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** Checks once per statement, so that a purge of thousands of rows checks once. */
function postgresGuards(): string[] {
  const refuse = `create function refuse_change() returns trigger language plpgsql as $$
    begin
      if tg_argv[0] = 'passable' and exists (select 1 from append_only_passes) then return null; end if;
      raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
    end $$`;
  const triggers = guards.flatMap(({ table, refused, always }) =>
    [...refused, 'truncate'].map(
      (change) => `create trigger ${table}_refuse_${change} before ${change} on ${table}
        for each statement execute function refuse_change(${always ? "'always'" : "'passable'"})`,
    ),
  );
  return [refuse, ...triggers];
}

function sqliteGuards(): string[] {
  return guards.flatMap(({ table, refused, always }) =>
    refused.map((change) => {
      const when = always ? '' : 'when not exists (select 1 from append_only_passes)';
      return `create trigger ${table}_refuse_${change} before ${change} on ${table} ${when}
        begin select raise(abort, '${table} is append-only'); end`;
    }),
  );
}
