// What a certificate says of its own use in extensions that Node does not show (RFC 5280 §4.2). A certificate with a
// limit that is not checked here does not count.
import type { X509Certificate } from 'node:crypto';
import { id_RSASSA_PSS, RsaSaPssParams } from '@peculiar/asn1-rsa';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  type AlgorithmIdentifier,
  BasicConstraints,
  Certificate,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  KeyUsage,
  KeyUsageFlags,
} from '@peculiar/asn1-x509';
import { LRUCache } from 'lru-cache';

export interface CertificateLimits {
  /** Of these `KeyUsageFlags`; null: any. */
  readonly keyUsage: number | null;
  /** How many authorities may stand between this one and the client's certificate; null: any number. */
  readonly pathLength: number | null;
  /** Is it signed over a hash for which nobody can make a second certificate? */
  readonly isSignedWell: boolean;
}

/** What is checked here, by Node, or against the client's record; and policies, of which none is demanded. */
const understood: ReadonlySet<string> = new Set([
  id_ce_basicConstraints,
  id_ce_keyUsage,
  id_ce_extKeyUsage,
  id_ce_subjectAltName,
  id_ce_certificatePolicies,
]);

/** SHA-2 with RSA and with ECDSA, Ed25519, Ed448. */
const goodSignatures: ReadonlySet<string> = new Set([
  ...['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13'],
  ...['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'],
  ...['1.3.101.112', '1.3.101.113'],
]);
/** SHA-256, SHA-384, SHA-512. */
const goodHashes: ReadonlySet<string> = new Set([1, 2, 3].map((n) => `2.16.840.1.101.3.4.2.${n}`));

/** Reading takes two milliseconds, and the same few certificates come with every request. */
const known = new LRUCache<string, { readonly limits: CertificateLimits | null }>({ max: 1_000 });

/** Null if the certificate does not count, or cannot be read. */
export function limitsOf({ raw, fingerprint256 }: X509Certificate): CertificateLimits | null {
  const found = known.get(fingerprint256) ?? { limits: read(raw) };
  known.set(fingerprint256, found);
  return found.limits;
}

function read(raw: Buffer): CertificateLimits | null {
  try {
    const { signatureAlgorithm, tbsCertificate } = AsnConvert.parse(raw, Certificate);
    const extensions = [...(tbsCertificate.extensions ?? [])];
    const isLimitedOtherwise = extensions.some(
      ({ extnID, critical }) => extnID === id_ce_nameConstraints || (critical && !understood.has(extnID)),
    );
    if (isLimitedOtherwise) return null;
    const valueOfExtension = (id: string) => extensions.find(({ extnID }) => extnID === id)?.extnValue;
    const usage = valueOfExtension(id_ce_keyUsage);
    const constraints = valueOfExtension(id_ce_basicConstraints);
    return {
      keyUsage: usage ? AsnConvert.parse(usage, KeyUsage).toNumber() : null,
      pathLength: (constraints && AsnConvert.parse(constraints, BasicConstraints).pathLenConstraint) ?? null,
      isSignedWell: isGood(signatureAlgorithm),
    };
  } catch {
    return null;
  }
}

function isGood({ algorithm, parameters }: AlgorithmIdentifier): boolean {
  if (algorithm !== id_RSASSA_PSS) return goodSignatures.has(algorithm);
  return !!parameters && goodHashes.has(AsnConvert.parse(parameters, RsaSaPssParams).hashAlgorithm.algorithm);
}

export function maySign({ keyUsage }: CertificateLimits): boolean {
  return keyUsage === null || (keyUsage & KeyUsageFlags.digitalSignature) !== 0;
}
