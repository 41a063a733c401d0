// Bearer access tokens of trusted issuers as callers (RFC 6750), so that operators and auditors come in with
// their company's login. Their scopes are permissions only where the issuer's record says so.
import { type Claims, digestOf } from '../../domain/claims.ts';
import type { Caller } from '../../domain/records/clients.ts';
import type { Issuer } from '../../domain/records/issuers.ts';
import { plainClient } from '../../domain/records/manage-clients.ts';
import type { Store } from '../../domain/store.ts';
import { findKnownToken, type KnownToken } from '../../domain/tokens/known-token.ts';
import type { TokenVerifier } from '../../domain/tokens/token-verifier.ts';
import { isObject } from '../../domain/values/json-values.ts';
import { verdict } from '../../domain/verdict.ts';
import { certificateThumbprint } from './certificate.ts';
import type { PresentedCertificate } from './credentials.ts';

export interface BearerParts {
  readonly store: Store;
  readonly tokenVerifier: TokenVerifier;
  readonly publicUrl: string;
}

/** Undefined when the token gives no access here, for whatever reason. */
export async function findBearer(
  { store, tokenVerifier, publicUrl }: BearerParts,
  presentedToken: string,
  certificate: PresentedCertificate | undefined,
): Promise<Caller | undefined> {
  const presented = await tokenVerifier.present(presentedToken);
  // Only a token that an issuer on record signed proves a login: a holder of a shared secret could make any.
  if (presented?.verification.kind !== 'verified' || presented.verification.defaults.isHomeMade)
    return undefined;
  const signed = presented.verification.claims;
  if (!signed.audience.includes(publicUrl)) return undefined;
  return store.ask((facts, now) => {
    const token = findKnownToken(facts, presented);
    if (token?.tokenUse !== 'access_token' || !isHeldRightly(token, certificate)) return undefined;
    const [standing, issuer] = facts.together(
      () => facts.standing(token),
      () => facts.issuer(token.issuer),
    );
    return issuer && verdict(token, standing, now).active ? toCaller(signed, issuer) : undefined;
  });
}

/** A sender-constrained token needs its proof. Certificates are the only kind of proof that is supported. */
function isHeldRightly({ members }: KnownToken, certificate: PresentedCertificate | undefined): boolean {
  if (members.cnf === undefined) return true;
  if (!isObject(members.cnf) || Object.keys(members.cnf).length !== 1 || !certificate) return false;
  return members.cnf['x5t#S256'] === certificateThumbprint(certificate);
}

/** Identity and rights come from what the issuer signed; a registration adds nothing to them. */
function toCaller({ subject, clientId, members }: Claims, issuer: Issuer): Caller {
  const { scopePermissions, reach } = issuer;
  const scopes = String(members.scope ?? '').split(' ');
  const granted = scopes.flatMap((scope) =>
    Object.hasOwn(scopePermissions, scope) ? (scopePermissions[scope] ?? []) : [],
  );
  const name = digestOf(`${issuer.issuer}\0${subject ?? clientId ?? ''}`);
  return {
    createdAt: 0,
    disabledAt: null,
    secrets: [],
    actor: { kind: 'user', id: subject ?? clientId },
    isBearer: true,
    onlyIssuer: reach === 'own' ? issuer.issuer : null,
    signedAs: clientId === null ? null : { issuer: issuer.issuer, clientId },
    // Not a registered client: the name must be one that no issuer can choose.
    ...plainClient({
      clientId: `bearer:${name.slice(0, 32)}`,
      authMethod: 'none',
      permissions: [...new Set(granted)],
      issuers: [issuer.issuer],
    }),
  };
}
