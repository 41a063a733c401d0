// Two stores on one database, as two processes have them: whatever one has answered as done, the other
// never contradicts.
import { systemOrigin } from '../../src/domain/audit.ts';
import { digestOf } from '../../src/domain/claims.ts';
import { orderOf, revokeTarget } from '../../src/domain/revoke/revoke-target.ts';
import type { Facts } from '../../src/domain/store.ts';
import { everyIssuer, type Target } from '../../src/domain/targets.ts';
import { openStore } from '../../src/store/open.ts';
import { claimsOf } from '../helpers/claims.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { policy } from '../helpers/policy.ts';

const pairs = 4_000;
const conversations = 40;

testEachStore(
  'after a revocation was answered no other process calls the token alive',
  async (t, database) => {
    const writer = openStore(database.url);
    const reader = openStore(database.url);
    t.teardown(() => Promise.all([writer.close(), reader.close()]));
    const claims = (n: number) =>
      claimsOf({
        digest: digestOf(`token ${n}`),
        targetDigest: digestOf(`token ${n}`),
        subject: `user ${n}`,
        grantId: `grant ${n}`,
        sessionId: `session ${n}`,
        jti: `jti ${n}`,
        expiresAt: Date.now() + 3_600_000,
      });
    const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;
    const targetOf = (n: number): Target => {
      const issuer = n % 50 === 0 ? everyIssuer : policy.publicUrl;
      const kinds = ['token', 'jti', 'grant', 'session', 'subject'] as const;
      const kind = kinds[n % kinds.length] as (typeof kinds)[number];
      if (kind === 'token') return { kind, issuer: '', id: digestOf(`token ${n}`) };
      return {
        kind,
        issuer,
        id: { jti: `jti ${n}`, grant: `grant ${n}`, session: `session ${n}`, subject: `user ${n}` }[kind],
      };
    };
    let next = 0;
    let stale = 0;
    const converse = async (): Promise<void> => {
      while (next < pairs) {
        const n = next++;
        const isDead = (facts: Facts) => facts.standing(claims(n)).coveredBy.length > 0;
        if (await reader.ask(isDead)) throw new Error('dead before it was revoked');
        await revokeTarget(writer, policy, orderOf(targetOf(n), cause, 'bulk_revoke'));
        if (!(await reader.ask(isDead))) stale += 1;
      }
    };
    await Promise.all(Array.from({ length: conversations }, converse));
    t.is(stale, 0);
  },
);
