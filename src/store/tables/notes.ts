// The table `upkeep`: notes, which are numbers by name. Sealing, purging and erasing leave them for their next run and
// for the servers.
import type { Knex } from 'knex';
import type { UpkeepNote } from '../../domain/upkeep-store.ts';

/** 0 where nothing was noted. */
export async function readNote(db: Knex, name: UpkeepNote): Promise<number> {
  const row: { value: number } | undefined = await db('upkeep').where({ name }).first();
  return row?.value ?? 0;
}

export async function writeNote(db: Knex, name: UpkeepNote, value: number): Promise<void> {
  await db('upkeep').insert({ name, value }).onConflict('name').merge(['value']);
}
