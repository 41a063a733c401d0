// An opaque token as it is presented: what the rules see of it.
import { digestOf } from '../../src/domain/claims.ts';
import type { Presented } from '../../src/domain/tokens/token-verifier.ts';

export function presentOpaque(presentedToken: string): Presented {
  const digest = digestOf(presentedToken);
  return { digest, targetDigest: digest, verification: { kind: 'opaque' } };
}
