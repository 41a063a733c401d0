// The core idea: a token is dead when a revocation of one of its targets reaches its issue time, and inactive
// for a few reasons more.
import test from 'ava';
import fc from 'fast-check';
import { systemOrigin } from '../../src/domain/audit.ts';
import { issuedAtOf } from '../../src/domain/claims.ts';
import {
  covers,
  cutoffForName,
  forever,
  keysOf,
  type Revocation,
  safeIatAfter,
  unrestricted,
} from '../../src/domain/cutoffs.ts';
import { isFinal, type Target, targetKey, targetsOf, unitOf } from '../../src/domain/targets.ts';
import { isRevocable, isSuperseded, type Standing, verdict } from '../../src/domain/verdict.ts';
import { claimsOf } from '../helpers/claims.ts';
import { policy } from '../helpers/policy.ts';

const clear: Standing = { coveredBy: [], suspended: false };
const row: Revocation = {
  seq: 1,
  key: '',
  cutoff: forever,
  exceptKey: null,
  only: unrestricted,
  reason: 'client_request',
  revokedAt: 0,
};
const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;
const covered: Standing = { coveredBy: [row], suspended: false };
const issuer = 'https://tokens.example';

test('a token is active from its nbf until just before its exp', (t) => {
  const claims = claimsOf({ notBefore: 2000, expiresAt: 5000 });
  const at = (now: number) => verdict(claims, clear, now);
  t.deepEqual(at(1999), { active: false, why: 'not_yet_valid' });
  t.deepEqual(at(2000), { active: true });
  t.deepEqual(at(4999), { active: true });
  t.deepEqual(at(5000), { active: false, why: 'expired' });
});

test('a covered token is revoked whatever else it is; a suspended one comes last', (t) => {
  t.deepEqual(verdict(claimsOf(), covered, 9000), { active: false, why: 'revoked' });
  t.deepEqual(verdict(claimsOf(), { coveredBy: [], suspended: true }, 2000), {
    active: false,
    why: 'suspended',
  });
});

test('neither nbf nor suspension stands in the way of a revocation', (t) => {
  const claims = claimsOf({ notBefore: 4000 });
  t.true(isRevocable(claims, { coveredBy: [], suspended: true }, 2000));
  t.false(isRevocable(claims, covered, 2000));
  t.false(isRevocable(claims, clear, 5000));
});

test('a token is superseded when one of its revocations says so', (t) => {
  t.false(isSuperseded(covered));
  t.true(isSuperseded({ coveredBy: [row, { ...row, reason: 'superseded' }], suspended: false }));
});

test('a token has a target for each name it bears, its own first', (t) => {
  const all = claimsOf({ jti: 'j1', keyThumbprint: 'k1' });
  t.deepEqual(
    targetsOf(all).map(({ kind, id }) => [kind, id]),
    [
      ['token', all.targetDigest],
      ['jti', 'j1'],
      ['grant', 'g1'],
      ['session', 's1'],
      ['key', 'k1'],
      ['subject', 'u1'],
      ['client', 'c1'],
      ['issuer', ''],
    ],
  );
  const few = claimsOf({ grantId: null, sessionId: null, subject: null, clientId: null });
  t.deepEqual(
    targetsOf(few).map(({ kind }) => kind),
    ['token', 'issuer'],
  );
});

test('current means the session, else the grant, else the token', (t) => {
  t.is(unitOf(claimsOf()).kind, 'session');
  t.is(unitOf(claimsOf({ sessionId: null })).kind, 'grant');
  t.is(unitOf(claimsOf({ sessionId: null, grantId: null })).kind, 'token');
});

test('the same name of another kind or issuer is another target', (t) => {
  const targets: Target[] = [
    { kind: 'session', issuer, id: 'x' },
    { kind: 'grant', issuer, id: 'x' },
    { kind: 'session', issuer: `${issuer}/`, id: 'x' },
    { kind: 'session', issuer, id: 'X' },
  ];
  t.is(new Set(targets.map(targetKey)).size, targets.length);
  for (const target of targets) t.regex(targetKey(target), /^[0-9a-f]{32}$/);
});

test('revocations of subject, client and issuer are cutoffs, all others final', (t) => {
  const kinds = ['token', 'jti', 'grant', 'session', 'key', 'subject', 'client', 'issuer'] as const;
  t.deepEqual(
    kinds.filter((kind) => !isFinal({ kind, issuer, id: 'x' }, false)),
    ['subject', 'client', 'issuer'],
  );
});

test('a cutoff covers what was issued at or before it, but for the exception', (t) => {
  const claims = claimsOf({ issuedAt: 1000 });
  const keys = keysOf(claims);
  const subject = { kind: 'subject', issuer, id: 'u1' } as const;
  const cut = (cutoff: number, except: Target | null = null) => {
    const { exceptKey } = cutoffForName(
      subject,
      cause,
      cutoff,
      policy,
      except ? { exceptKey: targetKey(except) } : {},
    );
    return covers({ ...row, key: targetKey(subject), cutoff, exceptKey }, keys, claims);
  };
  t.false(cut(999));
  t.true(cut(1000));
  t.false(cut(1000, unitOf(claims)));
  t.true(cut(1000, { kind: 'session', issuer, id: 'another' }));
  t.false(covers({ ...row, key: targetKey({ ...subject, id: 'u2' }) }, keys, claims));
});

test('a whole-second iat is dead exactly when iat * 1000 is not over the cutoff, and safe_iat_after survives', (t) => {
  const time = fc.integer({ min: 0, max: 253_402_300_799_000 });
  fc.assert(
    fc.property(time, fc.integer({ min: -2, max: 2 }), (cutoff, near) => {
      const iat = Math.floor(cutoff / 1000) + near;
      const safe = safeIatAfter(cutoff);
      const isDead = (seconds: number) => issuedAtOf(seconds) <= cutoff;
      return isDead(iat) === iat * 1000 <= cutoff && !isDead(safe) && isDead(safe - 1);
    }),
  );
  t.pass();
});

test('a fractional iat is compared with a cutoff to the millisecond', (t) => {
  const ms = fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 });
  fc.assert(fc.property(ms, (at) => issuedAtOf(at / 1000) === at));
  t.is(issuedAtOf(1.0005), 1001);
});
