// Erasing one person from the record: values and salts in audit events, their dead sessions and tokens, and their
// name in revocations. Living tokens are left: the operator must revoke them first. The chain of seals still
// verifies, and every count stays.
import { createHmac } from 'node:crypto';
import { eventOf, type Origin } from '../audit.ts';
import { isJwt, type RegisteredToken } from '../claims.ts';
import { type Cause, finalForToken, hasExceptions } from '../cutoffs.ts';
import { type Facts, nowOf, recordEvents, type Store } from '../store.ts';
import { tokenTarget } from '../targets.ts';
import { endByRegistration } from '../token-life.ts';

export interface Erasure {
  readonly events: number;
  readonly sessions: number;
  readonly tokens: number;
  readonly revocations: number;
  /** Tokens left, with the user's name: living ones, JWTs that may be, and superseded ones of a living grant. */
  readonly tokensLeft: number;
  /** Sessions of such tokens. */
  readonly sessionsLeft: number;
}

const batchRows = 200;

/** Stands for the user's name where a revocation still needs one; only the holder of the key can recompute it. */
export function pseudonymOf(userId: string, key: string): string {
  return `erased:${createHmac('sha256', key).update(userId).digest('base64url').slice(0, 32)}`;
}

/** Events do not name the issuer: a user id that several issuers use is erased for all of them. */
export async function eraseSubject(
  store: Store,
  origin: Origin,
  userId: string,
  key: string,
): Promise<Erasure> {
  const { upkeep } = store;
  const pseudonym = pseudonymOf(userId, key);
  const record = (metadata: Readonly<Record<string, unknown>>): Promise<void> => {
    const event = eventOf(origin, 'erase', { metadata: { pseudonym, ...metadata } });
    return recordEvents(store, [event]);
  };
  // Every erasure leaves an event, however it ends.
  await record({ begins: true });
  const { tokens, left: tokensLeft } = await eraseTokens(store, origin, userId);
  const { erased: sessions, left: sessionsLeft } = await upkeep.eraseSessions(userId, await nowOf(store));
  const revocations = await upkeep.eraseRevocations(userId, pseudonym);
  await record({ tokens, sessions, revocations });
  let events = 0;
  for (let erased = batchRows; erased === batchRows; ) {
    erased = await upkeep.eraseEvents(userId, batchRows);
    events += erased;
  }
  return { events, sessions, tokens, revocations, tokensLeft, sessionsLeft };
}

/**
 * Deletes a dead token's row, but leaves a revocation of the token in its place, so that it stays dead if its issuer
 * registers it again.
 */
async function eraseTokens(
  store: Store,
  origin: Origin,
  userId: string,
): Promise<{ tokens: number; left: number }> {
  const cause: Cause = { reason: 'erased', reasonText: null, origin };
  let [tokens, left, after] = [0, 0, 0];
  for (;;) {
    const page = await store.upkeep.listTokensOf(userId, after, batchRows);
    after = page.at(-1)?.id ?? after;
    if (page.length === 0) return { tokens, left };
    const dead = await store.write((facts, now) => {
      const areDead = facts.each(page, ({ token }) => isDeadForGood(facts, token, now));
      const dead = page.map(({ token }) => token).filter((_, n) => areDead[n]);
      const revocations = dead
        .filter((token) => endByRegistration(token) > now)
        .map((token) => finalForToken(tokenTarget(token), cause, endByRegistration(token)));
      return { outcome: dead, effects: { revocations } };
    });
    tokens += await store.upkeep.eraseTokens(dead.map(({ digest }) => digest));
    left += page.length - dead.length;
  }
}

/**
 * A superseded refresh token must stay known as long as its grant lives, so that its reuse is noticed. A JWT may be an
 * exception by what only its signature names.
 */
function isDeadForGood(facts: Facts, token: RegisteredToken, now: number): boolean {
  if (token.expiresAt <= now) return true;
  const { coveredBy } = facts.standing(token);
  return coveredBy.some((row) => row.reason !== 'superseded' && !(isJwt(token) && hasExceptions(row)));
}
