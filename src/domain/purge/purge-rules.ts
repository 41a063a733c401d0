// What is deleted when, one line per table. Nothing here may change a verdict. These tables have no rule:
//   clients, issuers, issuer_keys, signers are named by audit events and revocations, and few
//   audit_seals   outlive the events they seal, or nothing could show that whole ranges were purged
//   heads, upkeep hold a handful of numbers; append_only_passes what a transaction under way may do
// Events and ended sessions, which take more than a comparison, are in purge.ts.

import { tokensKeptMs } from '../token-life.ts';
import type { DueRows, EndedSessions } from '../upkeep-store.ts';
import { dayMs, hourMs } from '../values/durations.ts';

const endedSessionsKeptMs = 7 * dayMs;

interface PurgeRule {
  /** The name of the count, if it is not the table's. */
  readonly name?: string;
  readonly table: string;
  readonly key: string;
  /** A time in milliseconds; the row is due `keptMs` after it. */
  readonly column: string;
  readonly keptMs: number;
  /** Some rows stay as long as any token may live, by the largest limit ever set: see `DueRows.bearersFrom`. */
  readonly outlivesTokens?: true;
}

export const purgeRules: readonly PurgeRule[] = [
  { table: 'tokens', key: 'id', column: 'expires_at', keptMs: tokensKeptMs },
  { name: 'jwts', table: 'tokens', key: 'id', column: 'purge_after', keptMs: 0, outlivesTokens: true },
  { table: 'sessions', key: 'session_id', column: 'expires_at', keptMs: hourMs },
  { table: 'revocations', key: 'seq', column: 'purge_after', keptMs: 0, outlivesTokens: true },
  { table: 'cutoffs', key: 'seq', column: 'purge_after', keptMs: 0, outlivesTokens: true },
  { table: 'used_ids', key: 'digest', column: 'expires_at', keptMs: hourMs },
  { table: 'idempotency_keys', key: 'key_digest', column: 'expires_at', keptMs: 0 },
  { table: 'client_secrets', key: 'secret_id', column: 'expires_at', keptMs: 30 * dayMs },
];

export function dueRows(rule: PurgeRule, now: number, lifetimeDaysMax: number): DueRows {
  const { table, key, column, keptMs } = rule;
  const due = { table, key, column, before: now - keptMs };
  if (!rule.outlivesTokens) return due;
  return { ...due, bearersFrom: now - lifetimeDaysMax * dayMs - hourMs };
}

/** Sessions that are due because they were ended, without those already due because they expired. */
export function endedSessions(now: number): EndedSessions {
  return { before: now - endedSessionsKeptMs, unexpiredSince: now - hourMs };
}
