// Fills a database with tokens and revocations: the store writes the first row, and the database makes the
// others from it, which is many times faster than sending each. Token n is always the same string, so that
// nothing has to be remembered.
import type { Knex } from 'knex';
import { systemOrigin } from '../../src/domain/audit.ts';
import { digestOf, type RegisteredToken } from '../../src/domain/claims.ts';
import { type Cause, finalForToken } from '../../src/domain/cutoffs.ts';
import { targetKey } from '../../src/domain/targets.ts';
import type { NumberedRevocation } from '../../src/store/tables/revocation-rows.ts';
import { appendRevocations, findRevocation } from '../../src/store/tables/revocations.ts';
import { insertTokens } from '../../src/store/tables/tokens.ts';
import { multiplyRow } from './multiply.ts';

const cause: Cause = { reason: 'client_request', reasonText: null, origin: systemOrigin };

export function tokenOf(n: number): string {
  return `at_${digestOf(`bench token ${n}`).slice(0, 40)}`;
}

/** Spreads consecutive numbers over a range, each time the same. */
export function spread(n: number, range: number): number {
  return (n * 7_919) % range;
}

/** Inserts `count` tokens, from token 0 on, into a table that is empty. */
export async function fillTokens(db: Knex, count: number, issuer: string, now: number): Promise<void> {
  if (count === 0) return;
  await insertTokens(db, [benchToken(0, issuer, now)]);
  await multiplyRow(db, 'tokens', count, (sql) => {
    const name = `'at_' || substr(${sql.hex(sql.sha256(`'bench token ' || n`))}, 1, 40)`;
    return {
      digest: sql.sha256(name),
      token_digest: sql.sha256(name),
      subject: `'user-' || (n % 250000)`,
      grant_id: `'grant-' || (n >> 1)`,
      session_id: `'session-' || (n >> 1)`,
      jti: `'jti-' || n`,
    };
  });
}

/** Revocations of tokens that were never registered: what the log of a busy year looks like. */
export async function fillRevocations(db: Knex, count: number, now: number): Promise<void> {
  if (count === 0) return;
  await appendRevocations(db, [benchRevocation(0, now)]);
  await multiplyRow(db, 'revocations', count, (sql) => {
    const digest = sql.hex(sql.sha256(`'bench revoked ' || n`));
    return { seq: 'n + 1', key: sql.tokenKey(digest), target_id: digest };
  });
  await db('heads').where('id', 1).update({ revocation_seq: count });
  const last = benchRevocation(count - 1, now);
  const found = await findRevocation(db, count);
  if (found?.target.id !== last.target.id) throw new Error('the revocations were filled in wrongly');
}

function benchRevocation(n: number, now: number): NumberedRevocation {
  const target = { kind: 'token', issuer: '', id: digestOf(`bench revoked ${n}`) } as const;
  const named = { key: targetKey(target), reason: cause.reason };
  return { ...finalForToken(target, cause, now + 86_400_000), ...named, seq: n + 1, revokedAt: now };
}

export function benchToken(n: number, issuer: string, now: number): RegisteredToken {
  const digest = digestOf(tokenOf(n));
  return {
    digest,
    targetDigest: digest,
    tokenUse: 'access_token',
    issuer,
    clientId: 'bench-app',
    subject: `user-${n % 250_000}`,
    grantId: `grant-${n >> 1}`,
    sessionId: `session-${n >> 1}`,
    jti: `jti-${n}`,
    keyThumbprint: null,
    issuedAt: now - 60_000,
    expiresAt: now + 86_400_000,
    notBefore: null,
    audience: ['https://api.example.com'],
    members: {
      scope: 'profile orders',
      aud: 'https://api.example.com',
      iat: Math.floor(now / 1000) - 60,
      exp: Math.floor(now / 1000) + 86_400,
    },
    registrar: 'bench-issuer',
    registeredAt: now - 60_000,
    replacesDigest: null,
  };
}
