// What the code of a preview confirms: the order that was previewed, by who asked for it, and nothing else.
import test from 'ava';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { unrestricted } from '../../../src/domain/cutoffs.ts';
import { confirmationCode, isConfirmed, needsConfirmation } from '../../../src/domain/revoke/confirmation.ts';
import { orderOf, type RevokeOrder } from '../../../src/domain/revoke/revoke-target.ts';
import { type Target, targetKinds } from '../../../src/domain/targets.ts';

const secret = 'a secret';
const issuer = 'https://tokens.example';
const target: Target = { kind: 'key', issuer, id: 'k1' };
const causeOf = (kind: 'client' | 'user', id: string) =>
  ({ reason: 'admin', reasonText: null, origin: { ...systemOrigin, actor: { kind, id } } }) as const;
const order = orderOf(target, causeOf('client', 'ops'), 'bulk_revoke', { cutoff: 1000 });

const others: Readonly<Record<string, Partial<RevokeOrder>>> = {
  'another target': { target: { ...target, id: 'k2' } },
  'the same of another issuer': { target: { ...target, issuer: 'https://other.example' } },
  'one more target': { further: [{ ...target, id: 'k2' }] },
  'one client only': { only: { ...unrestricted, clientId: 'web' } },
  'one use only': { only: { ...unrestricted, tokenUse: 'refresh_token' } },
  'another cutoff': { cutoff: 1001 },
  'no cutoff': { cutoff: null },
  'another caller': { cause: causeOf('client', 'other') },
  'a user of the name of the client': { cause: causeOf('user', 'ops') },
};

test('a code confirms its order for ten minutes', (t) => {
  const { code, expiresAt } = confirmationCode(secret, order, 5);
  t.is(expiresAt, 600_005);
  const isGood = (now: number, key: string | null = secret) => isConfirmed(key, order, [], code, now);
  t.deepEqual([isGood(5), isGood(600_004), isGood(600_005)], [true, true, false]);
  t.deepEqual([isGood(5, 'another secret'), isGood(5, null)], [false, false]);
});

for (const [what, change] of Object.entries(others))
  test(`a code does not confirm the order with ${what}`, (t) => {
    const { code } = confirmationCode(secret, order, 5);
    t.false(isConfirmed(secret, { ...order, ...change }, [], code, 5));
  });

test('a code does not confirm with a later time written on it', (t) => {
  const [early, late] = [5, 6].map((now) => confirmationCode(secret, order, now).code.split('.'));
  t.false(isConfirmed(secret, order, [], `${late?.[0]}.${early?.[1]}`, 5));
});

test('only orders that may hit everybody need a confirmation', (t) => {
  const needing = targetKinds.filter((kind) =>
    needsConfirmation(orderOf({ ...target, kind }, order.cause, 'bulk_revoke')),
  );
  t.deepEqual(needing.sort(), ['client', 'issuer', 'key']);
});
