// Revocations as JSON: orders as the management API and the command line give them, rows of the log and
// previews as both show them.
import { z } from 'zod';
import { forever, type LoggedRevocation, type Restriction, unrestricted } from '../domain/cutoffs.ts';
import type { ConfirmationCode } from '../domain/revoke/confirmation.ts';
import type { Preview } from '../domain/revoke/preview-revocation.ts';
import type { Ordered, RevokeOrder, TargetEnded } from '../domain/revoke/revoke-target.ts';
import { everyIssuer, type Target } from '../domain/targets.ts';
import { digest, identifier, line, sha256, token, uri, userIdentifier } from './members.ts';
import { parseTime, timeOf } from './time.ts';

const issuer = uri.optional();
const target = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('token'),
    token: token.optional(),
    token_digest: digest.optional(),
  }),
  z.strictObject({ kind: z.literal('jti'), jti: identifier, issuer }),
  z.strictObject({ kind: z.literal('grant'), grant_id: identifier, issuer }),
  z.strictObject({ kind: z.literal('session'), session_id: identifier, issuer }),
  z.strictObject({
    kind: z.literal('subject'),
    sub: userIdentifier,
    client_id: identifier.optional(),
    token_use: z.enum(['access_token', 'refresh_token']).optional(),
    issuer,
  }),
  z.strictObject({ kind: z.literal('client'), client_id: identifier, issuer }),
  z.strictObject({
    kind: z.literal('key'),
    kid: identifier.optional(),
    /** RFC 7638. */
    thumbprint: sha256.optional(),
    issuer,
  }),
  z.strictObject({ kind: z.literal('issuer'), issuer }),
]);
export type TargetBody = z.output<typeof target>;

export const revocationBody = z.strictObject({
  target,
  cutoff: z
    .string()
    .refine((text) => !Number.isNaN(parseTime(text)), 'must be an RFC 3339 time')
    .transform(parseTime)
    .optional(),
  reason: line(255),
  reason_text: z.string().max(4096).optional(),
  dry_run: z.boolean().default(false),
  confirm: line(512).optional(),
});
export type RevocationBody = z.output<typeof revocationBody>;

const idMembers = {
  jti: 'jti',
  grant: 'grant_id',
  session: 'session_id',
  subject: 'sub',
  client: 'client_id',
  key: 'thumbprint',
} as const;

export function targetToWire({ kind, issuer, id }: Target, only: Restriction = unrestricted): object {
  if (kind === 'token') return { kind, token_digest: Buffer.from(id, 'hex').toString('base64url') };
  if (kind === 'issuer') return { kind, issuer };
  return {
    kind,
    issuer,
    [idMembers[kind]]: id,
    ...(only.clientId === null ? {} : { client_id: only.clientId }),
    ...(only.tokenUse === null ? {} : { token_use: only.tokenUse }),
    ...(only.keepsOffline ? { keeps_offline: true } : {}),
  };
}

export function revocationToWire(row: LoggedRevocation): object {
  const isFinal = row.cutoff === forever;
  return {
    seq: row.seq,
    target: targetToWire(row.target, row.only),
    final: isFinal,
    cutoff: isFinal ? null : timeOf(row.cutoff),
    has_exception: row.exceptKey !== null,
    reason: row.reason,
    reason_text: row.reasonText,
    actor: row.actor,
    channel: row.channel,
    request_id: row.requestId,
    revoked_at: timeOf(row.revokedAt),
  };
}

/** The other keys that a kid has named. */
function also({ further }: Ordered): object {
  return further.length === 0 ? {} : { also: further.map((target) => targetToWire(target)) };
}

export function outcomeToWire(outcome: TargetEnded): object {
  const isFinal = outcome.cutoff === forever;
  const { ordered } = outcome;
  const { reason, reasonText } = outcome.cause;
  return {
    status: outcome.status,
    seq: outcome.seq,
    revoked_at: timeOf(outcome.revokedAt),
    target: targetToWire(ordered.target, ordered.only),
    ...also(ordered),
    final: isFinal,
    cutoff: isFinal ? null : timeOf(outcome.cutoff),
    safe_iat_after: outcome.safeIatAfter,
    reason,
    reason_text: reasonText,
    notes: notesOf(ordered),
  };
}

export function previewToWire(
  order: RevokeOrder,
  preview: Preview,
  confirm: ConfirmationCode | null,
): object {
  const tallies = (counts: ReadonlyMap<string, number>, name: string) =>
    [...counts]
      .sort(([, one], [, other]) => other - one)
      .slice(0, 100)
      .map(([id, tokens]) => ({ [name]: id, tokens }));
  return {
    status: 'dry_run',
    target: targetToWire(order.target, order.only),
    ...also(order),
    final: preview.final,
    cutoff: order.cutoff === null ? null : timeOf(order.cutoff),
    would_end: {
      tokens: preview.tokens,
      complete: preview.complete,
      by_client: tallies(preview.byClient, 'client_id'),
      by_audience: tallies(preview.byAudience, 'audience'),
      by_last_activity: preview.byLastActivity,
    },
    confirm: confirm && { code: confirm.code, expires_at: timeOf(confirm.expiresAt) },
    notes: [
      'Only registered tokens are counted; tokens that were never registered end as well.',
      ...notesOf(order),
    ],
  };
}

/** Notes that the caller must know. */
function notesOf({ target }: Ordered): string[] {
  const notes = ['There is no undo: a revocation stays for as long as what it kills could live.'];
  if (target.issuer === everyIssuer) notes.push('It holds in every issuer.');
  else if (target.kind !== 'token' && target.kind !== 'issuer')
    notes.push('It holds for the issuer in target alone: elsewhere the name is another.');
  if (target.kind === 'client')
    notes.push(
      'This suspends nobody: unless the client is disabled, its credentials with this server still work.',
    );
  return notes;
}
