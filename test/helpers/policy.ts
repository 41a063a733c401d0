// The policy of a server, for tests of the rules that have none around them.
import type { Policy } from '../../src/domain/policy.ts';

export const policy: Policy = {
  publicUrl: 'https://tokens.example',
  clockSkewMs: 60_000,
  lifetimeDaysMax: 400,
  refreshGraceMs: 0,
};
