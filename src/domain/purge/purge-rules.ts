// When each kind of rows is deleted. Nothing here may change a verdict. Their columns say which rows have ended:
// store/upkeep/due-rows.ts. These tables have no rule:
//   clients, issuers, issuer_keys, signers are named by audit events and revocations, and few
//   audit_seals   outlive the events they seal, or nothing could show that whole ranges were purged
//   heads, upkeep hold a handful of numbers; append_only_passes what a transaction under way may do
// Events and ended sessions, which take more than a comparison, are in purge.ts.
import { tokensKeptMs } from '../token-life.ts';
import type { DueRows, EndedSessions, PurgeKind } from '../upkeep-store.ts';
import { dayMs, hourMs } from '../values/durations.ts';

const endedSessionsKeptMs = 7 * dayMs;

/** How long rows are kept after their end. 0: what lets them stay longer is in the end that was written with them. */
const keptMs: Readonly<Record<PurgeKind, number>> = {
  tokens: tokensKeptMs,
  jwts: 0,
  sessions: hourMs,
  revocations: 0,
  cutoffs: 0,
  used_ids: hourMs,
  idempotency_keys: 0,
  client_secrets: 30 * dayMs,
};

/** `lifetimeDaysMax`: the largest that was ever in force, as tokens keep the life they were issued with. */
export function dueRows(kind: PurgeKind, now: number, lifetimeDaysMax: number): DueRows {
  return { kind, before: now - keptMs[kind], livingIssuedFrom: now - lifetimeDaysMax * dayMs - hourMs };
}

/** Sessions that are due because they were ended, without those already due because they expired. */
export function endedSessions(now: number): EndedSessions {
  return { before: now - endedSessionsKeptMs, unexpiredSince: now - hourMs };
}
