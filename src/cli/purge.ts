// `purge`: deletes now what the server would delete on its interval.
import { Command } from 'commander';
import { countPurgeable, type PurgeCounts, purge } from '../domain/purge/purge.ts';
import { purgePolicyOf } from '../upkeep/schedule.ts';
import { Refusal } from '../wire/refusal.ts';
import { Progress } from './progress.ts';
import { withStore } from './with-store.ts';

export function purgeCommand(process: NodeJS.Process): Command {
  const show = (counts: PurgeCounts) => {
    for (const [table, rows] of Object.entries(counts))
      process.stdout.write(`${table.padEnd(16)} ${String(rows).padStart(10)}\n`);
  };
  return new Command('purge')
    .description('delete what can no longer change a verdict, and audit events past AUDIT_RETENTION_DAYS')
    .option('--dry-run', 'only count')
    .action(({ dryRun }: { dryRun?: boolean }) =>
      withStore(process, async (store, config, origin) => {
        const policy = purgePolicyOf(config);
        const due = await countPurgeable(store, policy);
        if (dryRun) return show(due);
        const total = Object.values(due).reduce((sum, rows) => sum + rows, 0);
        const progress = new Progress(process.stderr, 'purging', total);
        const onPurged = (rows: number) => progress.advance(rows);
        const counts = await purge(store, policy, origin, { onPurged });
        if (!counts) throw new Refusal('temporarily_unavailable', 'Another process is purging. Try again.');
        progress.end();
        show(counts);
      }),
    );
}
