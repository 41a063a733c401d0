// Which keys were revoked, as far as the log is known: what this process wrote itself must not hide what it has not read.
import test from 'ava';
import type { Knex } from 'knex';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { finalForName } from '../../../src/domain/cutoffs.ts';
import { type Target, targetKey } from '../../../src/domain/targets.ts';
import { RevokedKeys } from '../../../src/store/memory/revoked-keys.ts';
import { policy } from '../../helpers/policy.ts';

const cause = { reason: 'admin', reasonText: null, origin: systemOrigin } as const;

function revocationOf(id: string, seq: number) {
  const target: Target = { kind: 'grant', issuer: policy.publicUrl, id };
  const named = { key: targetKey(target), reason: cause.reason };
  return { ...finalForName(target, cause, 0, policy), ...named, seq, revokedAt: 0 };
}

test('of the log only what was read to its end counts as known', (t) => {
  const revoked = new RevokedKeys({} as Knex, () => {});
  revoked.learn([revocationOf('g5', 5)], 4);
  t.is(revoked.seq, 0, 'the first four were not read');
  const first = [revocationOf('g1', 1), revocationOf('g2', 2)];
  revoked.learn(first, 0);
  t.is(revoked.seq, 2);
  t.true(first.every(({ key }) => revoked.mayHave(key)));
});
