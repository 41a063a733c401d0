// The optional `reason` of whatever ends something: a code from the vocabulary, or free text that is kept apart.
import { isCallerReason } from '../../domain/reasons.ts';
import { plainText, reasonTextMax } from '../../domain/values/plain-text.ts';
import type { Reason } from '../../domain/vocabulary.ts';

export interface GivenReason {
  readonly reason: Reason;
  readonly reasonText: string | null;
  /** What the answer repeats. */
  readonly shown: string;
}

/** `secretsOf`: secrets of the request, which free text may not repeat. */
export function readReason(
  given: string | undefined,
  otherwise: Reason,
  secretsOf: () => readonly string[],
  caller: 'anyone' | 'operators' = 'anyone',
): GivenReason {
  if (given === undefined) return { reason: otherwise, reasonText: null, shown: otherwise };
  if (isCallerReason(given, caller)) return { reason: given, reasonText: null, shown: given };
  const reasonText = plainText(given, reasonTextMax, secretsOf());
  return { reason: otherwise, reasonText, shown: reasonText ?? otherwise };
}
