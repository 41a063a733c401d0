// What the endpoints share, made once from the parts of the application: who calls and how they prove it, whose tokens
// are trusted, how much is let in, and what is counted and recorded.
import { X509Certificate } from 'node:crypto';
import type { BlockList } from 'node:net';
import type { JSONWebKeySet } from 'jose';
import type { Logger } from 'pino';
import type { Policy } from './domain/policy.ts';
import type { Store } from './domain/store.ts';
import type { ExportTrail } from './domain/trail/export-trail.ts';
import type { AssertionAudiences } from './http/auth/assertion.ts';
import { mayVouch } from './http/auth/certificate.ts';
import { ClientAuth } from './http/auth/client-auth.ts';
import { ClientDirectory } from './http/auth/client-directory.ts';
import { Throttle } from './http/auth/throttle.ts';
import { Failures } from './http/failures.ts';
import { FloodRecorder } from './http/flood-recorder.ts';
import { DeadTokenRecorder } from './http/oauth/dead-token-recorder.ts';
import { SessionActivity } from './http/oauth/session-activity.ts';
import { Metrics, type OtherWorkers } from './http/ops/metrics.ts';
import { type TrailStatus, watchTrail } from './http/ops/trail-metrics.ts';
import { Overload } from './http/overload.ts';
import { UnfinishedBodies } from './http/reading/unfinished-bodies.ts';
import type { SharedSecretTrust } from './jwt/shared-secret.ts';
import { SignalVerifier } from './jwt/signal-verifier.ts';
import type { SigningKeys } from './jwt/signing-keys.ts';
import { createTrust } from './jwt/trust.ts';
import type { Upstream } from './jwt/upstream.ts';
import { packageVersion } from './package-root.ts';
import { methodsOffered } from './wire/auth-methods.ts';

export interface AppParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly log: Logger;
  /** Peers whose X-Forwarded-For is believed. */
  readonly trustedProxies: BlockList;
  readonly logoutAliases: readonly string[];
  readonly authFailuresPerMinuteMax: number;
  readonly introspectionsAtOnceMax: number;
  /** Signs the codes that confirm large revocations. */
  readonly confirmSecret: string;
  /** /v1, /metrics and /docs have a listener of their own. */
  readonly hasAdminListener: boolean;
  /** The issuer that clients know. */
  readonly authorizationServerIssuer: string;
  readonly upstream: Upstream | null;
  readonly signingKeys: SigningKeys | null;
  readonly assertionAudiences: AssertionAudiences;
  /** Peers whose Client-Cert is believed. */
  readonly clientCertProxies: BlockList;
  readonly tlsClientAuthorities: readonly string[];
  readonly sharedSecret: SharedSecretTrust;
  /** Keys may be fetched without TLS from other machines. */
  readonly allowHttpKeys: boolean;
  readonly isDraining: () => boolean;
  readonly nodeVersion: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly trailStatus: TrailStatus;
  readonly exportTrail: ExportTrail;
  readonly publicSealKeys: () => Promise<JSONWebKeySet>;
  /** Null: this process is the whole server. */
  readonly otherWorkers: OtherWorkers | null;
}

export type Services = ReturnType<typeof servicesOf>;

/** One bag for all: each endpoint's `…Parts` interface names what it takes of it. */
export function servicesOf(parts: AppParts) {
  const { store, policy, now, otherWorkers } = parts;
  const isShared = otherWorkers !== null;
  const metrics = new Metrics(otherWorkers);
  watchTrail(metrics, store, parts.trailStatus);
  const countRefusal = (reason: string) => metrics.countJwtRefusal(reason);
  const { tokenVerifier, issuers, issuerKeyRing, clientKeyRing } = createTrust({
    ...parts,
    countRefusal,
    isShared,
  });
  const overload = new Overload({ ...parts, metrics });
  const clients = new ClientDirectory(store, isShared);
  const floodRecorder = new FloodRecorder(store);
  const auth = new ClientAuth({
    clients,
    floodRecorder,
    throttle: new Throttle(parts.authFailuresPerMinuteMax, isShared),
    now,
    assertions: {
      store,
      keyRing: clientKeyRing,
      audiences: parts.assertionAudiences,
      clockSkewMs: policy.clockSkewMs,
    },
    certificates: {
      keyRing: clientKeyRing,
      proxies: parts.clientCertProxies,
      authorities: readAuthorities(parts),
    },
    bearers: { store, tokenVerifier, publicUrl: policy.publicUrl },
  });
  return {
    ...parts,
    publicUrl: policy.publicUrl,
    metrics,
    overload,
    failures: new Failures({ log: parts.log, overload }),
    floodRecorder,
    unfinishedBodies: new UnfinishedBodies(),
    clients,
    auth,
    authMethodsOffered: methodsOffered({
      clientCertProxies: parts.clientCertProxies.rules,
      tlsClientAuthorities: parts.tlsClientAuthorities,
    }),
    tokenVerifier,
    issuers,
    issuerKeyRing,
    signalVerifier: new SignalVerifier({
      issuers,
      keyRing: issuerKeyRing,
      now,
      clockSkewMs: policy.clockSkewMs,
    }),
    deadTokenRecorder: new DeadTokenRecorder(store, now),
    sessionActivity: new SessionActivity(store, now),
    version: packageVersion(),
  };
}

function readAuthorities({ tlsClientAuthorities, log }: AppParts): X509Certificate[] {
  const authorities = tlsClientAuthorities.map((pem) => new X509Certificate(pem));
  const useless = authorities.filter((authority) => !mayVouch(authority));
  for (const { subject } of useless)
    log.warn(
      { subject },
      'an authority in TLS_CLIENT_CA_FILE vouches for nobody: it has name constraints, critical extensions that are not understood, or is for servers only',
    );
  return authorities;
}
