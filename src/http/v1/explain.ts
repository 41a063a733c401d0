// POST /v1/tokens/explain: for those who may audit, why a token is dead or alive.
import { z } from 'zod';
import { tokenRef } from '../../domain/claims.ts';
import { type Explained, explainToken } from '../../domain/introspect/explain-token.ts';
import type { Store } from '../../domain/store.ts';
import { opaque, type Presented, type TokenVerifier } from '../../domain/tokens/token-verifier.ts';
import { check } from '../../wire/check.ts';
import { digest, identifier } from '../../wire/members.ts';
import { badParameter, missingParameter } from '../../wire/refusal.ts';
import { revocationToWire, targetToWire } from '../../wire/revocations.ts';
import { timeOf } from '../../wire/time.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import { readJson } from '../reading/json.ts';
import { respond } from '../respond.ts';

export interface ExplainParts {
  readonly store: Store;
  readonly tokenVerifier: TokenVerifier;
  readonly auth: ClientAuth;
}

const body = z.strictObject({
  token: z.string().min(1).optional(),
  token_digest: digest.optional(),
  caller: identifier.optional(),
});

export function handleExplain({ store, tokenVerifier, auth }: ExplainParts) {
  return async function explain(ctx: Context): Promise<void> {
    await auth.permit(ctx, 'audit');
    const { token, token_digest, caller } = check(body, await readJson(ctx));
    if (token !== undefined && token_digest !== undefined)
      throw badParameter('token_digest', 'is given, and so is token');
    const presented = token === undefined ? byDigest(token_digest) : await tokenVerifier.present(token);
    respond(ctx, 200, toWire(await explainToken(store, presented, caller)));
  };
}

/** With a digest alone, registrations are found but no signature can be checked. */
function byDigest(given: string | undefined): Presented {
  if (given === undefined) throw missingParameter('token');
  return { digest: given, targetDigest: given, verification: opaque };
}

function toWire(explained: Explained): object {
  const { cause } = explained;
  if (cause === 'unknown_caller') throw badParameter('caller', 'is no client of this server');
  if (cause === 'unknown') return { active: false, cause, token: null, targets: [], first_cause: null };
  const { claims, registeredAt, suspended, targets, first } = explained;
  return {
    active: cause === 'alive',
    cause,
    suspended,
    token: {
      token_ref: tokenRef(claims),
      token_use: claims.tokenUse,
      issuer: claims.issuer,
      client_id: claims.clientId,
      user_id: claims.subject,
      session_id: claims.sessionId,
      grant_id: claims.grantId,
      jti: claims.jti,
      audience: claims.audience,
      issued_at: timeOf(claims.issuedAt),
      expires_at: timeOf(claims.expiresAt),
      registered_by: claims.registrar,
      registered_at: registeredAt === null ? null : timeOf(registeredAt),
    },
    targets: targets.map(({ target, revocations }) => ({
      target: targetToWire(target),
      revocations: revocations.map(revocationToWire),
    })),
    first_cause: first && revocationToWire(first),
  };
}
