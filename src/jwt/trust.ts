// Puts together what verifying JWTs needs: the issuers on record, their keys, the shared secrets; and
// tells the operator, once per issuer, of tokens that will never be accepted as things are set up.
import type { Logger } from 'pino';
import { systemOrigin } from '../domain/audit.ts';
import type { Policy } from '../domain/policy.ts';
import { rememberKeys } from '../domain/records/manage-issuers.ts';
import type { Store } from '../domain/store.ts';
import type { TokenVerifier } from '../domain/tokens/token-verifier.ts';
import { plainText } from '../domain/values/plain-text.ts';
import { fetchJson } from './fetch-json.ts';
import { IssuerDirectory } from './issuer-directory.ts';
import { JwtVerifier, type RefusalKind } from './jwt-verifier.ts';
import { KeyRing } from './key-ring.ts';
import type { SharedSecretTrust } from './shared-secret.ts';
import { namedKeys, type VerifyingKey } from './verifying-keys.ts';

export interface TrustParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly log: Logger;
  readonly now: () => number;
  readonly sharedSecret: SharedSecretTrust;
  readonly countRefusal: (kind: RefusalKind) => void;
  /** Other workers of this server verify, too. */
  readonly isShared: boolean;
}

export interface Trust {
  readonly tokenVerifier: TokenVerifier;
  readonly issuers: IssuerDirectory;
  readonly issuerKeyRing: KeyRing;
  /** Keys of clients that sign assertions or show certificates. */
  readonly clientKeyRing: KeyRing;
}

const remedies: Partial<Record<RefusalKind, string>> = {
  untrusted_issuer: 'a token names an issuer that is not on record; if it should be trusted: issuer add',
  wrong_audience: "a token's audience is not among those of its issuer's record; correct one of them",
  wrong_type: "a token's typ is not among those of its issuer's record, or it is no access token",
  bad_algorithm: "a token's algorithm is not among those of its issuer's record",
  missing_claims: 'a token of type at+jwt lacks claims that RFC 9068 requires',
};
const namesMax = 1_000;
const nameLengthMax = 200;

export function createTrust(parts: TrustParts): Trust {
  const { store, policy, log, now, sharedSecret, countRefusal, isShared } = parts;
  const told = new Set<string>();
  const onRefusal = (kind: RefusalKind, issuer: string): void => {
    countRefusal(kind);
    const remedy = remedies[kind];
    const name = plainText(issuer.slice(0, nameLengthMax), nameLengthMax);
    const key = `${kind} ${name}`;
    if (!remedy || told.has(key) || told.size >= namesMax) return;
    told.add(key);
    log.warn({ issuer: name }, remedy);
  };
  const issuers = new IssuerDirectory(store, isShared);
  const issuerKeyRing = new KeyRing({
    fetchJson,
    now,
    onFailure: tellFailure(log),
    onKeys: recordKeys(store, log),
  });
  const clientKeyRing = new KeyRing({ fetchJson, now, onFailure: tellFailure(log), onKeys: async () => {} });
  const tokenVerifier = new JwtVerifier({ issuers, keyRing: issuerKeyRing, sharedSecret, policy, onRefusal });
  return { tokenVerifier, issuers, issuerKeyRing, clientKeyRing };
}

function tellFailure(log: Logger) {
  return (issuer: string, problem: string): void =>
    log.warn({ issuer, problem }, 'keys could not be fetched; those at hand, if any, are used for 24 hours');
}

function recordKeys(store: Store, log: Logger) {
  return (issuer: string, keys: readonly VerifyingKey[]): Promise<void> =>
    rememberKeys(store, systemOrigin, namedKeys(issuer, keys)).catch(() =>
      log.warn({ issuer }, "which keys an issuer's kids name could not be recorded; tried again later"),
    );
}
