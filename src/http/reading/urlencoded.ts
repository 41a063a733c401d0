// Text as forms and client_secret_basic encode it (RFC 6749 appendix B).
import { badParameter, Refusal, safeName } from '../../wire/refusal.ts';

/**
 * Decodes `application/x-www-form-urlencoded` text; refuses what is not properly encoded UTF-8, by name of the
 * `parameter` whose value it is.
 */
export function formDecode(text: string, parameter?: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  return decodeWhole(() => decodeURIComponent(text.replaceAll('+', ' ')), parameter);
}

export function decodeWhole(attempt: () => string, parameter?: string): string {
  try {
    return attempt();
  } catch {
    if (parameter !== undefined) throw badParameter(safeName(parameter), 'is not properly encoded UTF-8');
    throw new Refusal('invalid_request', 'the parameters are not properly encoded UTF-8');
  }
}
