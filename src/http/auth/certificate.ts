// tls_client_auth and self_signed_tls_client_auth (RFC 8705 §2) behind a proxy that ends TLS and hands the
// certificate over in Client-Cert (RFC 9440). The header counts only from configured peers. We validate chains
// ourselves, as a proxy that lets self-signed certificates through has not.
import { hash, X509Certificate } from 'node:crypto';
import type { BlockList } from 'node:net';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { isTrusted, plainAddress } from '../../addresses.ts';
import type { Client } from '../../domain/records/clients.ts';
import { type KeyRing, ownerOf } from '../../jwt/key-ring.ts';
import { isFitKey, type VerifyingKey } from '../../jwt/verifying-keys.ts';
import { isIdentifiedBy } from '../../wire/certificate-identity.ts';
import type { Context } from '../context.ts';
import { limitsOf, maySign } from './certificate-limits.ts';
import type { PresentedCertificate } from './credentials.ts';

const chainMax = 10;
const clientAuthUsage = '1.3.6.1.5.5.7.3.2';
const byteSequence = /^ *:([A-Za-z0-9+/]+={0,2}): *$/;

export interface CertificateParts {
  readonly keyRing: KeyRing;
  /** Peers whose Client-Cert is believed. */
  readonly proxies: BlockList;
  /** The authorities that may vouch for clients; empty turns `tls_client_auth` off. */
  readonly authorities: readonly X509Certificate[];
}

/** Undefined when there is none, when this peer may not hand one over, or when it is no certificate. */
export function readCertificate(
  { proxies }: Pick<CertificateParts, 'proxies'>,
  ctx: Context,
): PresentedCertificate | undefined {
  const header = ctx.get('client-cert');
  const peer = plainAddress(ctx.req.socket.remoteAddress ?? '');
  if (header === '' || !isTrusted(peer, proxies)) return undefined;
  const leaf = parseCertificate(header);
  if (!leaf) return undefined;
  const chain = ctx.get('client-cert-chain').split(',').slice(0, chainMax).map(parseCertificate);
  return { leaf, chain: chain.filter((certificate) => certificate !== undefined) };
}

function parseCertificate(item: string): X509Certificate | undefined {
  const base64 = byteSequence.exec(item)?.[1];
  try {
    return base64 === undefined ? undefined : new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
}

/** RFC 8705 §3.1: how a token names the certificate it is bound to. */
export function certificateThumbprint({ leaf }: PresentedCertificate): string {
  return hash('sha256', leaf.raw, 'base64url');
}

export function provesByAuthority(
  { authorities }: CertificateParts,
  client: Client,
  certificate: PresentedCertificate,
  now: number,
): boolean {
  const { leaf, chain } = certificate;
  if (client.certificateName === null || !isIdentifiedBy(leaf, client.certificateName)) return false;
  if (!isForClients(leaf) || !leadsTo(leaf, chain, authorities, now)) return false;
  const limits = limitsOf(leaf);
  return limits !== null && maySign(limits);
}

/**
 * Is there a path of valid signatures, within the dates, over authorities only, to a configured one (RFC 5280 §6.1)?
 * Each certificate of the chain is visited once, by the shortest path: a stranger may send ten that all vouch for each
 * other.
 */
function leadsTo(
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: number,
): boolean {
  const unreached = new Set(chain);
  const reached = [{ certificate: leaf, authoritiesBelow: 0 }];
  for (const { certificate, authoritiesBelow } of reached) {
    if (!isInForce(certificate, now)) continue;
    const isFrom = (issuer: X509Certificate) => isIssuedBy(certificate, issuer, authoritiesBelow);
    if (roots.some((root) => isInForce(root, now) && isFrom(root))) return true;
    for (const issuer of unreached) {
      if (!isFrom(issuer)) continue;
      unreached.delete(issuer);
      // One that an authority issued to itself, for a new key, does not count (§6.1.4 l).
      const counts = issuer.subject !== issuer.issuer;
      reached.push({ certificate: issuer, authoritiesBelow: authoritiesBelow + (counts ? 1 : 0) });
    }
  }
  return false;
}

/** False, too, where the issuer's key cannot be read. */
function isIssuedBy(
  certificate: X509Certificate,
  issuer: X509Certificate,
  authoritiesBelow: number,
): boolean {
  try {
    const { publicKey } = issuer;
    return (
      issuer.ca &&
      isFitKey(publicKey) &&
      certificate.checkIssued(issuer) &&
      certificate.verify(publicKey) &&
      limitsOf(certificate)?.isSignedWell === true &&
      mayVouch(issuer, authoritiesBelow)
    );
  } catch {
    return false;
  }
}

/** Do the limits that an authority states let it vouch for a client, over so many other authorities? */
export function mayVouch(authority: X509Certificate, authoritiesBelow = 0): boolean {
  const limits = limitsOf(authority);
  return limits !== null && isForClients(authority) && authoritiesBelow <= (limits.pathLength ?? chainMax);
}

/** What Node calls its key usage is the extended one (RFC 5280 §4.2.1.12). */
function isForClients(certificate: X509Certificate): boolean {
  const usages: readonly string[] | undefined = certificate.keyUsage;
  return usages === undefined || usages.includes(clientAuthUsage);
}

/** RFC 5280 §4.1.2.5: to the end of its last second. */
function isInForce(certificate: X509Certificate, now: number): boolean {
  return Date.parse(certificate.validFrom) <= now && now < Date.parse(certificate.validTo) + 1000;
}

/** Undefined for a kind of key that no JWK describes, so that no client can have registered it. */
async function thumbprintOf(leaf: X509Certificate): Promise<string | undefined> {
  let jwk: JWK;
  try {
    jwk = leaf.publicKey.export({ format: 'jwk' });
  } catch {
    return undefined;
  }
  return calculateJwkThumbprint(jwk);
}

/** RFC 8705 §2.2: the certificate's key is one that the client registered; its `x5c`, where given, matches too. */
export async function provesByOwnKey(
  { keyRing }: CertificateParts,
  client: Client,
  { leaf }: PresentedCertificate,
  now: number,
): Promise<boolean> {
  const owner = ownerOf(client);
  if (!owner || !isInForce(leaf, now)) return false;
  const thumbprint = await thumbprintOf(leaf);
  if (thumbprint === undefined) return false;
  const matches = (keys: readonly VerifyingKey[]) =>
    keys.some((key) => {
      const own = key.jwk.x5c?.[0];
      return key.thumbprint === thumbprint && (own === undefined || own === leaf.raw.toString('base64'));
    });
  return matches(await keyRing.current(owner)) || matches(await keyRing.certain(owner));
}
