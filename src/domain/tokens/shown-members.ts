// Members of a token that have a syntax of their own and that introspection shows as registered or signed: only
// well-formed ones are shown.
import { isObject } from '../values/json-values.ts';

/** Scope tokens, one space between them (RFC 6749 §3.3). */
export function isScope(value: unknown): value is string {
  const syntax = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;
  return typeof value === 'string' && syntax.test(value);
}

/** Does it identify a key, in one way or another (RFC 7800 §3.1)? */
export function isConfirmation(value: unknown): value is Record<string, unknown> {
  return isObject(value) && Object.keys(value).length > 0;
}

/** Does each one name its type (RFC 9396 §2)? */
export function areAuthorizationDetails(value: unknown): value is readonly Record<string, unknown>[] {
  const isDetail = (item: unknown) => isObject(item) && typeof item.type === 'string' && item.type !== '';
  return Array.isArray(value) && value.every(isDetail);
}
