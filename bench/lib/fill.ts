// Fills a database with tokens and revocations through the store's own functions, in big steps, with a
// progress line. Token n is always the same string, so that nothing has to be remembered.
import type { Knex } from 'knex';
import { systemOrigin } from '../../src/domain/audit.ts';
import { digestOf, type RegisteredToken } from '../../src/domain/claims.ts';
import { type Cause, finalForToken } from '../../src/domain/cutoffs.ts';
import { appendRevocations, type NumberedRevocation } from '../../src/store/revocations.ts';
import { insertTokens } from '../../src/store/tokens.ts';

const step = 10_000;
const cause: Cause = { reason: 'client_request', reasonText: null, origin: systemOrigin };

export function tokenOf(n: number): string {
  return `at_${digestOf(`bench token ${n}`).slice(0, 40)}`;
}

export async function fillTokens(db: Knex, count: number, issuer: string, now: number): Promise<void> {
  for (let from = 0; from < count; from += step) {
    const tokens = Array.from({ length: Math.min(step, count - from) }, (_, n) =>
      benchToken(from + n, issuer, now),
    );
    await db.transaction((tx) => insertTokens(tx, tokens));
    progress('tokens', from + tokens.length, count);
  }
}

/** Revocations of tokens that were never registered: what the log of a busy year looks like. */
export async function fillRevocations(db: Knex, count: number, now: number): Promise<void> {
  for (let from = 0; from < count; from += step) {
    const rows = Array.from({ length: Math.min(step, count - from) }, (_, n): NumberedRevocation => {
      const target = { kind: 'token', issuer: '', id: digestOf(`bench revoked ${from + n}`) } as const;
      return { ...finalForToken(target, cause, now + 86_400_000), seq: from + n + 1, revokedAt: now };
    });
    await db.transaction(async (tx) => {
      await appendRevocations(tx, rows);
      await tx('heads')
        .where('id', 1)
        .update({ revocation_seq: from + rows.length });
    });
    progress('revocations', from + rows.length, count);
  }
}

export function benchToken(n: number, issuer: string, now: number): RegisteredToken {
  const digest = digestOf(tokenOf(n));
  return {
    digest,
    tokenDigest: digest,
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

function progress(what: string, done: number, count: number): void {
  if (done % 100_000 === 0 || done === count)
    process.stderr.write(`\rfilling ${what}: ${done} of ${count}   `);
  if (done === count) process.stderr.write('\n');
}
