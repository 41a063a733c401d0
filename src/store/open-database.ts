// A database that is open: how it is read and written, whose clock stamps what is written, and what is remembered of it.
import type { Knex } from 'knex';
import type { Dialect } from './dialect.ts';
import { Memory } from './memory/memory.ts';
import type { Clock } from './tables/heads.ts';

export interface OpenDatabase {
  readonly dialect: Dialect;
  readonly reader: Knex;
  readonly writer: Knex;
  readonly clock: Clock;
  readonly memory: Memory;
}

export interface DatabaseOptions {
  /** Milliseconds since the epoch; given by tests, otherwise the database's or the machine's own. */
  readonly now?: () => number;
  /** For how many days tokens may live; what was noted of other processes and earlier starts counts if it is longer. */
  readonly lifetimeDaysMax?: number;
}

export function openDatabase(
  dialect: Dialect,
  { now, lifetimeDaysMax = 0 }: DatabaseOptions = {},
): OpenDatabase {
  const [reader, writer] = [dialect.openReader(), dialect.openWriter()];
  const clock = { now: now ?? Date.now, clockSql: now ? null : dialect.clockSql };
  return { dialect, reader, writer, clock, memory: new Memory(reader, lifetimeDaysMax) };
}

/** The writer last: the last connection to close a database tidies it up. */
export async function closeDatabase({ reader, writer }: OpenDatabase): Promise<void> {
  await reader.destroy();
  await writer.destroy();
}
