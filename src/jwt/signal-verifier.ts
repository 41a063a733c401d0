// Verifies the signed messages of inboxes: which issuer on record sent one, whether its inbox takes such messages,
// and whether its key signed it. The endpoint decides what the message means.
import type { Inbox, InboxKind, Issuer } from '../domain/records/issuers.ts';
import { parseJwt, typeOf } from '../domain/tokens/jwt-shape.ts';
import type { IssuerDirectory } from './issuer-directory.ts';
import type { KeyRing } from './key-ring.ts';
import { findSigner } from './signer.ts';
import { hasBadMembers } from './verify-signature.ts';

export type SignalFault =
  | 'malformed'
  | 'unknown_issuer'
  | 'wrong_audience'
  | 'bad_signature'
  | 'expired'
  | 'not_yet_valid'
  | 'missing_claims';

export type SignalRead =
  | {
      readonly ok: true;
      readonly issuer: Issuer;
      readonly inbox: Inbox;
      /** The key that signed it. Whether the key was revoked is decided where the message takes effect. */
      readonly keyThumbprint: string;
      readonly payload: Readonly<Record<string, unknown>>;
      readonly jti: string;
      /** Milliseconds. */
      readonly issuedAt: number;
    }
  | { readonly ok: false; readonly why: SignalFault };

const bytesMax = 16_384;

export interface SignalVerifierParts {
  readonly issuers: IssuerDirectory;
  readonly keyRing: KeyRing;
  readonly now: () => number;
  readonly clockSkewMs: number;
}

export class SignalVerifier {
  readonly #parts: SignalVerifierParts;

  constructor(parts: SignalVerifierParts) {
    this.#parts = parts;
  }

  /**
   * `types`: header `typ` values that such messages bear; '' when they may bear none. `ownAudiences`: names of ours that
   * such messages may have for an audience, beside the one on record.
   */
  async read(
    message: string,
    kind: InboxKind,
    types: readonly string[],
    ownAudiences: readonly string[],
  ): Promise<SignalRead> {
    const jwt = message.length <= bytesMax ? parseJwt(message) : undefined;
    const fault = (why: SignalFault): SignalRead => ({ ok: false, why });
    if (!jwt || hasBadMembers(jwt.header)) return fault('malformed');
    const { alg } = jwt.header;
    const type = typeOf(jwt.header);
    if (type === undefined || !types.includes(type) || typeof alg !== 'string') return fault('malformed');

    const { iss, aud, jti, iat, exp, nbf } = jwt.payload;
    const issuer = typeof iss === 'string' ? await this.#parts.issuers.find(iss) : undefined;
    if (!issuer?.inbox?.kinds.includes(kind) || issuer.disabledAt !== null) return fault('unknown_issuer');
    if (!issuer.algorithms.includes(alg)) return fault('bad_signature');
    const signer = await findSigner(message, jwt, alg, this.#parts.keyRing, issuer, { mustBeSure: true });
    if (!signer) return fault('bad_signature');
    const audiences: readonly unknown[] = [issuer.inbox.audience, ...ownAudiences];
    if (![aud].flat().some((name) => audiences.includes(name))) return fault('wrong_audience');
    if (typeof jti !== 'string' || jti === '' || typeof iat !== 'number') return fault('missing_claims');
    const { now, clockSkewMs } = this.#parts;
    if (exp !== undefined && !(typeof exp === 'number' && exp * 1000 > now())) return fault('expired');
    if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1000 <= now() + clockSkewMs))
      return fault('not_yet_valid');
    const { inbox } = issuer;
    const { thumbprint: keyThumbprint } = signer;
    return { ok: true, issuer, inbox, keyThumbprint, payload: jwt.payload, jti, issuedAt: iat * 1000 };
  }
}
