// What a certificate says of its own use in extensions that Node does not show (RFC 5280 §4.2). Whatever limits it in
// a way that is not checked here makes it one that does not count.
import type { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate,
  type Extension,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  KeyUsage,
  KeyUsageFlags,
} from '@peculiar/asn1-x509';

export interface CertificateLimits {
  /** Of these `KeyUsageFlags`; null: any. */
  readonly keyUsage: number | null;
  /** How many authorities may stand between this one and the client's certificate; null: any number. */
  readonly pathLength: number | null;
}

/** What is checked here, by Node, or against the client's record; and policies, of which none is demanded. */
const understood: ReadonlySet<string> = new Set([
  id_ce_basicConstraints,
  id_ce_keyUsage,
  id_ce_extKeyUsage,
  id_ce_subjectAltName,
  id_ce_certificatePolicies,
]);

/** Signatures over MD5 and SHA-1, by RSA, DSA and ECDSA. */
const weakSignatures: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10040.4.3',
  '1.2.840.10045.4.1',
]);

/** Null if the certificate does not count, or cannot be read. */
export function readLimits({ raw }: X509Certificate): CertificateLimits | null {
  try {
    const { signatureAlgorithm, tbsCertificate } = AsnConvert.parse(raw, Certificate);
    const extensions: readonly Extension[] = tbsCertificate.extensions ?? [];
    const isLimitedOtherwise = extensions.some(
      ({ extnID, critical }) => extnID === id_ce_nameConstraints || (critical && !understood.has(extnID)),
    );
    if (isLimitedOtherwise || weakSignatures.has(signatureAlgorithm.algorithm)) return null;
    const read = (id: string) => extensions.find(({ extnID }) => extnID === id)?.extnValue;
    const [usage, constraints] = [read(id_ce_keyUsage), read(id_ce_basicConstraints)];
    return {
      keyUsage: usage ? AsnConvert.parse(usage, KeyUsage).toNumber() : null,
      pathLength: constraints
        ? (AsnConvert.parse(constraints, BasicConstraints).pathLenConstraint ?? null)
        : null,
    };
  } catch {
    return null;
  }
}

export function maySign({ keyUsage }: CertificateLimits): boolean {
  return keyUsage === null || (keyUsage & KeyUsageFlags.digitalSignature) !== 0;
}
