// Is this certificate the one that a client is registered with: by its subject, or by one of its alternative
// names (RFC 8705 §2.1.2)?
import type { X509Certificate } from 'node:crypto';
import type { CertificateName } from '../domain/records/clients.ts';

export function isIdentifiedBy(leaf: X509Certificate, { kind, value }: CertificateName): boolean {
  if (kind === 'subject_dn') {
    // Node gives undefined for an empty subject, whatever its types say.
    const subject = ((leaf.subject as string | undefined) ?? '').split('\n').map(normalRdn);
    // RFC 4514 writes the most specific name first, certificates hold it last.
    const wanted = splitUnescaped(value, ',').map(normalRdn).reverse();
    return subject.length === wanted.length && subject.every((rdn, n) => rdn === wanted[n]);
  }
  const labels = { san_dns: 'DNS', san_uri: 'URI', san_ip: 'IP Address', san_email: 'email' } as const;
  return alternativeNames(leaf.subjectAltName ?? '').some(
    (name) => name.label === labels[kind] && isSameName(kind, name.value, value),
  );
}

function isSameName(kind: CertificateName['kind'], one: string, other: string): boolean {
  if (kind === 'san_ip') return normalAddress(one) === normalAddress(other);
  return kind === 'san_dns' ? one.toLowerCase() === other.toLowerCase() : one === other;
}

/** IPv6 addresses are written in several ways; URLs write them in one. */
function normalAddress(address: string): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : address;
}

/** Type and value in every part (RFC 4514 §3). */
export function isDistinguishedName(text: string): boolean {
  const attributes = splitUnescaped(text, ',').flatMap((rdn) => splitUnescaped(rdn, '+'));
  return attributes.every((attribute) => /^\s*(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=/.test(attribute));
}

/** One relative name: its attributes sorted, types in upper case, escapes undone. */
function normalRdn(rdn: string): string {
  const attributes = splitUnescaped(rdn, '+').map((attribute) => {
    const at = attribute.indexOf('=');
    const type = attribute.slice(0, at).trim().toUpperCase();
    return `${type}=${unescapeValue(attribute.slice(at + 1).trim())}`;
  });
  return attributes.sort().join('+');
}

function splitUnescaped(text: string, separator: string): string[] {
  const parts = [''];
  for (const piece of text.match(/\\.|[^\\]/gsu) ?? []) {
    if (piece === separator) parts.push('');
    else parts[parts.length - 1] += piece;
  }
  return parts;
}

/** RFC 4514 §2.4: `\2C` is a byte of UTF-8, `\,` the character itself. */
function unescapeValue(text: string): string {
  const bytes = text.match(/\\[0-9a-f]{2}|\\.|[^\\]/gisu)?.map((piece) => {
    if (/^\\[0-9a-f]{2}$/i.test(piece)) return Buffer.from(piece.slice(1), 'hex');
    return Buffer.from(piece.startsWith('\\') ? piece.slice(1) : piece);
  });
  return Buffer.concat(bytes ?? []).toString('utf8');
}

/** Node writes `DNS:a, URI:"quoted, as JSON"`: it quotes a value that could be mistaken for two names. */
function alternativeNames(text: string): { label: string; value: string }[] {
  const names = text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return [...names].map(([, label = '', value = '']) => ({
    label,
    value: value.startsWith('"') ? (JSON.parse(value) as string) : value,
  }));
}
