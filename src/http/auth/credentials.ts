// What a request brings to say which client is calling, before anything of it is believed.
import type { X509Certificate } from 'node:crypto';
import type { AuthMethod } from '../../domain/vocabulary.ts';
import { Refusal } from '../../wire/refusal.ts';

export interface Credentials {
  readonly clientId: string;
  /** The ways in which they were presented. */
  readonly methods: readonly AuthMethod[];
  readonly clientSecret?: string;
  readonly assertion?: string;
  readonly certificate?: PresentedCertificate;
}

export interface PresentedCertificate {
  readonly leaf: X509Certificate;
  /** What the peer sent to complete the path to an authority. */
  readonly chain: readonly X509Certificate[];
}

/** RFC 6749 §2.3: one method per request. */
export function twoMethods(): Refusal {
  return new Refusal('invalid_request', 'there are two ways of authenticating in one request');
}
