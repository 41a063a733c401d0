// What /metrics says of the upkeep: how much of the trail is not sealed, how much has not left this machine, when
// purging last succeeded, and what it would still find.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Store } from '../../domain/store.ts';

export interface TrailStatus {
  /** Where seals are sent: `file`, `webhook`. */
  readonly destinations: readonly ('file' | 'webhook')[];
  /** Rows that were due when this process last looked, by table. */
  readonly purgeable: () => Readonly<Record<string, number>>;
  /** How often the thread that seals and exports has died. */
  readonly threadDeaths: () => number;
}

const sentNames = { file: 'seal_file_sent', webhook: 'seal_webhook_sent' } as const;

/** `common` gets what every worker of a server would report alike, `own` what only this process knows. */
export function watchTrail(
  { common, registry: own }: { readonly common: Registry; readonly registry: Registry },
  store: Store,
  status: TrailStatus,
): void {
  const registers = [common];
  new Gauge({
    name: 'revocation_audit_unsealed_events',
    help: 'Audit events after the last seal: nothing proves them yet',
    registers,
    async collect() {
      const [head, seal] = await Promise.all([store.findEventHead(), store.upkeep.findLastSeal()]);
      this.set(head - (seal?.last ?? 0));
    },
  });
  new Gauge({
    name: 'revocation_audit_unsent_events',
    help: 'Audit events whose seal has not left this machine, by destination; all of them where there is none',
    labelNames: ['destination'],
    registers,
    async collect() {
      const head = await store.findEventHead();
      if (status.destinations.length === 0) this.set({ destination: 'none' }, head);
      for (const destination of status.destinations) {
        const sent = await store.upkeep.readNote(sentNames[destination]);
        const [seal] = sent === 0 ? [] : await store.upkeep.listSeals(sent - 1, 1);
        this.set({ destination }, head - (seal?.last ?? 0));
      }
    },
  });
  new Counter({
    name: 'revocation_upkeep_thread_deaths_total',
    help: 'How often the thread that seals and exports has died; another takes its place',
    registers: [own],
    collect() {
      this.reset();
      this.inc(status.threadDeaths());
    },
  });
  new Gauge({
    name: 'revocation_purge_last_success_seconds',
    help: 'When a purge last succeeded, in seconds since 1970; 0: never',
    registers,
    async collect() {
      this.set((await store.upkeep.readNote('purge_succeeded_at')) / 1000);
    },
  });
  new Gauge({
    name: 'revocation_purge_due_rows',
    help: 'Rows that were due for purging when this process last looked, by table',
    labelNames: ['table'],
    aggregator: 'max',
    registers: [own],
    collect() {
      for (const [table, rows] of Object.entries(status.purgeable())) this.set({ table }, rows);
    },
  });
}
