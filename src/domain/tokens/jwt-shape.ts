// The shape of a JWT in compact form (RFC 7515 §3.1), read without any trust: three parts, a header and a
// payload that are JSON objects. And its digest: a JWT is identified by what its signature covers, since
// the signature itself can be written in several ways.
import { type Digest, digestOf } from '../claims.ts';
import { isObject, isShallow } from '../values/json-values.ts';

export interface UntrustedJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Digest of `header.payload`. */
  readonly signingInputDigest: Digest;
}

const compactForm = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** No real token has deeper JSON, which would be costly to copy. */
const depthMax = 16;

/** Is it written as JWTs in compact, signed form are? */
export function isCompact(presentedToken: string): boolean {
  return compactForm.test(presentedToken);
}

/** Undefined if it is no JWT in compact, signed form. */
export function parseJwt(presentedToken: string): UntrustedJwt | undefined {
  const parts = compactForm.exec(presentedToken);
  if (!parts) return undefined;
  const [, header = '', payload = ''] = parts;
  const [headerJson, payloadJson] = [toObject(header), toObject(payload)];
  if (!headerJson || !payloadJson) return undefined;
  const signingInputDigest = digestOf(`${header}.${payload}`);
  return { header: headerJson, payload: payloadJson, signingInputDigest };
}

/** The `typ` of a header, '' if it has none; undefined if it is no media type. */
export function typeOf({ typ = '' }: UntrustedJwt['header']): string | undefined {
  return typeof typ === 'string' ? plainType(typ) : undefined;
}

/** Media types compare without case and without `application/` (RFC 7515 §4.1.9). */
export function plainType(mediaType: string): string {
  return mediaType.toLowerCase().replace(/^application\//, '');
}

function toObject(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')));
    return isObject(value) && isShallow(value, depthMax) ? value : undefined;
  } catch {
    return undefined;
  }
}
