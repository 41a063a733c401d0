// /v1/revocations: end everything under a name with one call, see beforehand what it would hit, and read
// the log of what was ended.
import { digestOf } from '../../domain/claims.ts';
import type { RevocationFilter } from '../../domain/listings.ts';
import type { OnceKey, Repeated } from '../../domain/once.ts';
import type { Policy } from '../../domain/policy.ts';
import { isReason } from '../../domain/reasons.ts';
import { type Caller, type Client, reaches } from '../../domain/records/clients.ts';
import { namedBy } from '../../domain/revoke/order-event.ts';
import { revokeTarget, type TargetRevoked } from '../../domain/revoke/revoke-target.ts';
import { powerLack } from '../../domain/revoke/revoking-power.ts';
import type { Store } from '../../domain/store.ts';
import { type Target, type TargetKind, targetKey, targetKinds } from '../../domain/targets.ts';
import { isWordOf, permissions } from '../../domain/vocabulary.ts';
import { check } from '../../wire/check.ts';
import { demandConfirmation, type PreviewParts, previewOrder } from '../../wire/confirmation.ts';
import { uriLengthMax } from '../../wire/members.ts';
import { badParameter, Refusal, withNames } from '../../wire/refusal.ts';
import { readOrder } from '../../wire/revocation-order.ts';
import { outcomeToWire, revocationBody, revocationToWire } from '../../wire/revocations.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { type Context, logOutcome } from '../context.ts';
import { originOf } from '../origin.ts';
import { readJson } from '../reading/json.ts';
import {
  badCursor,
  fingerprintOf,
  type Query,
  readCursor,
  readId,
  readInterval,
  readLimit,
  readQuery,
  respondPage,
} from '../reading/query.ts';
import { respond } from '../respond.ts';
import { headerSecrets } from '../secrecy.ts';

export interface RevocationsParts extends PreviewParts {
  readonly auth: ClientAuth;
}

const revokePermissions = permissions.filter((permission) => permission.startsWith('revoke:'));
const filters = ['kind', 'issuer', 'id', 'reason', 'from', 'to'] as const;

export function handleRevocations(parts: RevocationsParts) {
  const { store, policy, auth } = parts;
  return {
    async createRevocation(ctx: Context): Promise<void> {
      const caller = await auth.permitWithin(ctx, ...revokePermissions);
      const body = check(revocationBody, await readJson(ctx));
      // Before a kid is looked up: that it has been used is nothing for strangers.
      if (body.target.kind === 'key') {
        const issuer = body.target.issuer ?? policy.publicUrl;
        demandPower(caller, { kind: 'key', issuer }, [issuer], policy);
      }
      const origin = originOf(ctx, caller.actor);
      const read = await readOrder(store, policy, body, origin, headerSecrets(ctx.req));
      await withNames(namedBy(read.order), async () => {
        demandPower(caller, read.order.target, read.owners, policy);
        if (body.dry_run) {
          respond(ctx, 200, await previewOrder(parts, read.order));
          return;
        }
        const key = readIdempotencyKey(ctx, caller, body);
        if (!(await wasGiven(store, key))) await demandConfirmation(parts, read, body.confirm);
        answer(ctx, await revokeTarget(store, policy, read.order, key), read.order.target.kind);
      });
    },

    async listRevocations(ctx: Context): Promise<void> {
      const caller = await auth.permitWithin(ctx, 'audit');
      const query = readQuery(ctx, [...filters, 'limit', 'cursor']);
      const limit = readLimit(query);
      const list = fingerprintOf(query, filters);
      const [before] = readCursor(query, list) ?? [Number.MAX_SAFE_INTEGER];
      if (!Number.isSafeInteger(before)) throw badCursor();
      const filter = readFilter(query, policy, caller);
      const rows = await store.listRevocations(filter, before as number, limit + 1);
      respondPage(ctx, rows, limit, ({ seq }) => [seq, list], revocationToWire);
    },

    async showRevocation(ctx: Context): Promise<void> {
      const caller = await auth.permitWithin(ctx, 'audit');
      readQuery(ctx, []);
      const { seq = '' } = ctx.params as { seq?: string };
      const row = /^[1-9]\d{0,14}$/.test(seq) ? await store.findRevocation(Number(seq)) : undefined;
      if (!row || !reaches(caller, row.target.issuer))
        throw new Refusal('not_found', 'there is no such revocation, or it was purged');
      respond(ctx, 200, revocationToWire(row));
    },
  };
}

/** A repeated order was confirmed when it was first given. */
async function wasGiven(store: Store, key: OnceKey | null): Promise<boolean> {
  return key !== null && (await store.ask((facts) => facts.earlierOutcome(key.keyDigest))) !== undefined;
}

function answer(ctx: Context, outcome: TargetRevoked | Repeated, kind: TargetKind): void {
  logOutcome(ctx, 'bulk revocation', { kind, status: outcome.status });
  switch (outcome.status) {
    case 'revoked':
    case 'already_revoked':
      ctx.set('Revocation-Seq', String(outcome.lastSeq));
      ctx.set('Location', `/v1/revocations/${outcome.seq}`);
      respond(ctx, outcome.status === 'revoked' ? 201 : 200, outcomeToWire(outcome));
      return;
    case 'refused':
      throw badParameter(outcome.parameter, outcome.problem);
    case 'key_reused':
      throw new Refusal('idempotency_key_reused', 'this Idempotency-Key was given with another request');
    default:
      outcome satisfies never;
  }
}

function readFilter(query: Query, policy: Policy, caller: Caller): RevocationFilter {
  const givenIssuer = readId(query, 'issuer', uriLengthMax);
  const issuer = givenIssuer ?? caller.onlyIssuer ?? undefined;
  const id = readId(query, 'id', uriLengthMax);
  const [kind, reason] = [query.get('kind'), query.get('reason')];
  if (kind !== undefined && !isWordOf(targetKinds, kind))
    throw badParameter('kind', `must be one of: ${targetKinds.join(', ')}`);
  if (reason !== undefined && !isReason(reason)) throw badParameter('reason', 'is not a reason code');
  if (id !== undefined && kind === undefined) throw badParameter('id', 'goes with kind');
  if (givenIssuer !== undefined && kind === 'token')
    throw badParameter('issuer', 'does not go with the kind token: a token is named by its digest alone');
  if (issuer !== undefined && !reaches(caller, issuer))
    throw new Refusal('issuer_not_allowed', "this bearer reaches its own issuer's data only");
  const of = issuer ?? policy.publicUrl;
  return {
    ...(kind !== undefined && { kind }),
    ...(issuer !== undefined && { issuer }),
    ...(kind !== undefined && id !== undefined && { key: targetKey(targetNamed(kind, of, id)) }),
    ...(reason !== undefined && { reason }),
    ...readInterval(query),
  };
}

function demandPower(
  caller: Caller,
  target: Pick<Target, 'kind' | 'issuer'>,
  owners: readonly string[],
  policy: Policy,
): void {
  const lack = powerLack(caller, target, owners, policy);
  switch (lack) {
    case undefined:
      return;
    case 'beyond_reach':
      throw new Refusal('issuer_not_allowed', "this bearer reaches its own issuer's names only");
    case 'no_permission': {
      const message = `this needs the permission revoke:any or revoke:${target.kind}`;
      throw new Refusal('insufficient_permission', message);
    }
    case 'every_issuer':
      throw new Refusal('insufficient_permission', 'all issuers at once need the permission revoke:any');
    case 'foreign_issuer':
      throw new Refusal(
        'issuer_not_allowed',
        'the target does not belong to an issuer of this client; a name without issuer is one of PUBLIC_URL',
      );
    default:
      lack satisfies never;
  }
}

/** A target of kind `issuer` has no other id. */
function targetNamed(kind: TargetKind, issuer: string, id: string): Target {
  if (kind === 'issuer') return { kind, issuer: id, id: '' };
  if (kind !== 'token') return { kind, issuer, id };
  return { kind, issuer: '', id: Buffer.from(id, 'base64url').toString('hex') };
}

/** draft-ietf-httpapi-idempotency-key-header: a string, quoted as structured fields are, or bare. */
function readIdempotencyKey(ctx: Context, client: Client, body: unknown): OnceKey | null {
  if (ctx.headers['idempotency-key'] === undefined) return null;
  const header = ctx.get('idempotency-key');
  const [, quoted, bare] =
    /^(?:"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|([\x21\x23-\x7e]{1,255}))$/.exec(header) ?? [];
  // RFC 9651 §3.3.3.
  const key = quoted?.replace(/\\(.)/g, '$1') ?? bare;
  if (key === undefined)
    throw badParameter('Idempotency-Key', 'must be a string of 1 to 255 printable characters');
  return {
    keyDigest: digestOf(`${client.clientId}\0${key}`),
    requestDigest: digestOf(JSON.stringify(body)),
  };
}
