// Which rows kill which tokens, by chance: the few rows that are kept for verdicts decide as all of them
// would, and registrations between revocations change nothing.
import test from 'ava';
import fc from 'fast-check';
import { systemOrigin } from '../../src/domain/audit.ts';
import { beforeAllTime, type Claims, digestOf } from '../../src/domain/claims.ts';
import {
  covers,
  cutoffForName,
  decisive,
  keysOf,
  type Restriction,
  type Revocation,
  unrestricted,
} from '../../src/domain/cutoffs.ts';
import { registerToken } from '../../src/domain/register/register-token.ts';
import { opaqueRegistration } from '../../src/domain/register/registration.ts';
import { orderOf, revokeTarget } from '../../src/domain/revoke/revoke-target.ts';
import type { Decision, Facts } from '../../src/domain/store.ts';
import { everyIssuer, type Target, targetKey } from '../../src/domain/targets.ts';
import { dayMs } from '../../src/domain/values/durations.ts';
import { openStore } from '../../src/store/open.ts';
import { claimsOf } from '../helpers/claims.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { policy } from '../helpers/policy.ts';

const clients = ['app', 'tv'] as const;
const uses = ['access_token', 'refresh_token'] as const;
const ids = fc.constantFrom('1', '2', '3');
const offline = 'read offline_access';
const someScope = fc.constantFrom('read', offline);

const someClaims = fc
  .record({
    clientId: fc.constantFrom(...clients),
    tokenUse: fc.constantFrom(...uses),
    issuedAt: fc.integer({ min: 0, max: 20 }),
    sessionId: fc.option(ids),
    grantId: fc.option(ids),
    scope: someScope,
  })
  .map(
    ({ scope, ...claims }): Claims => ({
      issuer: 'i',
      digest: digestOf(JSON.stringify([claims, scope])),
      targetDigest: digestOf(JSON.stringify([claims, scope])),
      subject: 'u1',
      jti: null,
      keyThumbprint: null,
      expiresAt: 100,
      notBefore: null,
      audience: [],
      members: { scope },
      ...claims,
    }),
  );

const key = targetKey({ kind: 'subject', issuer: 'i', id: 'u1' });
const someExceptions = fc.option(
  fc.oneof(
    ids.map((id) => targetKey({ kind: 'session', issuer: 'i', id })),
    ids.map((id) => targetKey({ kind: 'grant', issuer: 'i', id })),
    someClaims.map((claims) => targetKey({ kind: 'token', issuer: '', id: claims.targetDigest })),
  ),
);
const someRestriction: fc.Arbitrary<Restriction> = fc.record({
  clientId: fc.option(fc.constantFrom(...clients), { freq: 2 }),
  tokenUse: fc.option(fc.constantFrom(...uses), { freq: 2 }),
  keepsOffline: fc.boolean(),
});
const someRows = fc
  .array(
    fc.record({ cutoff: fc.integer({ min: 0, max: 20 }), exceptKey: someExceptions, only: someRestriction }),
  )
  .map((rows) => rows.map((row, seq): Revocation => ({ ...row, seq, key, reason: 'admin', revokedAt: 0 })));

test('the rows that are kept for verdicts decide as all rows would', (t) => {
  fc.assert(
    fc.property(someRows, fc.array(someClaims, { minLength: 1 }), (rows, tokens) => {
      const kept = decisive(rows);
      for (const claims of tokens) {
        const keys = keysOf(claims);
        const isDead = (some: readonly Revocation[]) => some.some((row) => covers(row, keys, claims));
        if (isDead(rows) !== isDead(kept)) return false;
      }
      return decisive(kept).length === kept.length;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('however often a user is logged out, a handful of rows decides', (t) => {
  const row = (seq: number, exceptKey: string | null): Revocation => ({
    seq,
    key,
    cutoff: seq,
    exceptKey,
    only: unrestricted,
    reason: 'admin',
    revokedAt: seq,
  });
  const everywhere = Array.from({ length: 500 }, (_, n) => row(n, null));
  t.deepEqual(decisive(everywhere), [everywhere.at(-1) as Revocation]);
  const others = Array.from({ length: 500 }, (_, n) => row(n, `except ${n}`));
  t.is(decisive(others).length, 5);
});

interface Step {
  readonly wait: number;
  readonly act: 'register' | 'revoke';
  readonly sub: string;
  readonly clientId: (typeof clients)[number];
  readonly tokenUse: (typeof uses)[number];
  readonly scope: string;
  readonly age: number;
  readonly only: Restriction;
  readonly kind: 'subject' | 'client' | 'issuer';
  readonly everywhere: boolean;
  readonly back: number;
}

const someStep: fc.Arbitrary<Step> = fc.record({
  wait: fc.integer({ min: 0, max: 2000 }),
  act: fc.constantFrom('register', 'register', 'revoke'),
  sub: fc.constantFrom('u1', 'u2'),
  clientId: fc.constantFrom(...clients),
  tokenUse: fc.constantFrom(...uses),
  scope: someScope,
  age: fc.integer({ min: 0, max: 3000 }),
  only: someRestriction,
  kind: fc.constantFrom('subject', 'subject', 'subject', 'client', 'issuer'),
  everywhere: fc.boolean(),
  back: fc.integer({ min: 0, max: 3000 }),
});

testEachStore(
  'tokens registered between revocations die by the model, late ones included',
  async (t, database) => {
    const clock = { now: 1_800_000_000_000 };
    const store = openStore(database.url, { now: () => clock.now });
    t.teardown(() => store.close());
    let run = 0;
    const perform = async (steps: readonly Step[]): Promise<void> => {
      run += 1;
      const issuer = `https://${run}.example`;
      const tokens: { digest: string; step: Step; issuedAt: number }[] = [];
      const orders: { step: Step; cutoff: number }[] = [];
      for (const step of steps) {
        clock.now += step.wait;
        if (step.act === 'register') {
          const issuedAt = clock.now - step.age;
          const digest = digestOf(`${run} ${tokens.length}`);
          tokens.push({ digest, step, issuedAt });
          const registration = opaqueRegistration(digest, {
            tokenUse: step.tokenUse,
            issuer,
            clientId: step.clientId,
            subject: `${run} ${step.sub}`,
            iat: issuedAt / 1000,
            exp: clock.now / 1000 + 3600,
            members: { scope: step.scope },
          });
          await registerToken(store, policy, 'issuer', systemOrigin, registration);
        } else {
          // In every issuer only where the id is of this run alone: a client of every run would end them all.
          const everywhere = step.everywhere && step.kind === 'subject';
          const id = { subject: `${run} ${step.sub}`, client: step.clientId, issuer: '' }[step.kind];
          const target: Target = { kind: step.kind, issuer: everywhere ? everyIssuer : issuer, id };
          const only = step.kind === 'subject' ? step.only : unrestricted;
          const cutoff = clock.now - step.back;
          orders.push({ step: { ...step, only }, cutoff });
          const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;
          await revokeTarget(store, policy, orderOf(target, cause, 'bulk_revoke', { only, cutoff }));
        }
      }
      for (const { digest, step, issuedAt } of tokens) {
        const expected = orders.some(
          ({ step: order, cutoff }) =>
            issuedAt <= cutoff &&
            (order.kind === 'issuer' ||
              (order.kind === 'client' ? order.clientId === step.clientId : order.sub === step.sub)) &&
            (order.only.clientId ?? step.clientId) === step.clientId &&
            (order.only.tokenUse ?? step.tokenUse) === step.tokenUse &&
            !(order.only.keepsOffline && step.scope === offline),
        );
        // Questions use what is remembered, decisions look everything up: they must agree.
        const isDead = (facts: Facts) => {
          const token = facts.token(digest);
          return token === undefined || facts.standing(token).coveredBy.length > 0;
        };
        const decide = (facts: Facts): Decision<boolean> => ({ outcome: isDead(facts), effects: {} });
        const said = [await store.ask(isDead), await store.write(decide)];
        if (said[0] !== expected || said[1] !== expected)
          throw new Error(`expected dead ${expected}, asked ${said[0]}, decided ${said[1]}`);
      }
    };
    const property = fc.asyncProperty(fc.array(someStep, { minLength: 2, maxLength: 14 }), perform);
    await fc.assert(property, { numRuns: database.kind === 'sqlite' ? 60 : 40, endOnFailure: true });
    t.pass();
  },
);

testEachStore(
  'a token without iat is as old as this server lets it be, also before that is noted',
  async (t, database) => {
    const now = 1_800_000_000_000;
    const store = openStore(database.url, { now: () => now, lifetimeDaysMax: 800 });
    t.teardown(() => store.close());
    await store.upkeep.noteLifetime(400);
    const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;
    const subject = { kind: 'subject', issuer: 'https://tokens.example', id: 'u1' } as const;
    const revocations = [cutoffForName(subject, cause, now, { lifetimeDaysMax: 800 })];
    await store.write(() => ({ outcome: undefined, effects: { revocations } }));
    const endingIn = (days: number) => claimsOf({ issuedAt: beforeAllTime, expiresAt: now + days * dayMs });
    const isCovered = (days: number) =>
      store.ask((facts) => facts.standing(endingIn(days)).coveredBy.length > 0);
    t.deepEqual(await Promise.all([399, 500, 801].map(isCovered)), [true, true, false]);
  },
);
