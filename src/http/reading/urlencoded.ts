// Text as forms and client_secret_basic encode it (RFC 6749 appendix B).
import { Refusal } from '../../wire/refusal.ts';

/** Decodes `application/x-www-form-urlencoded` text; refuses what is not properly encoded UTF-8. */
export function formDecode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  return decodeWhole(() => decodeURIComponent(text.replaceAll('+', ' ')));
}

export function decodeWhole(attempt: () => string): string {
  try {
    return attempt();
  } catch {
    throw new Refusal('invalid_request', 'the parameters are not properly encoded UTF-8');
  }
}
