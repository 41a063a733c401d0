// What the API calls a member, the command line calls an option: messages of refusals are shown in the words of options.
import { clientOptions } from './client-options.ts';
import { issuerOptions } from './issuer-options.ts';
import type { MemberOptions } from './member-options.ts';

/** The API's member names as the options that set them. A nested member is found by its longest known beginning. */
const options: Readonly<Record<string, string>> = {
  ...namesIn(clientOptions),
  ...namesIn(issuerOptions),
  client_id: '--id',
  client_secret: '--secret-stdin',
  overlap_seconds: '--overlap',
  issuer: '--issuer',
  'target.sub': '--subject',
  'target.session_id': '--session',
  'target.grant_id': '--grant',
  'target.client_id': '--client or --only-client',
  'target.token_use': '--only-use',
  'target.jti': '--jti',
  'target.kid': '--kid',
  'target.thumbprint': '--key',
  'target.token_digest': '--token-digest',
  'target.token': '--token-stdin',
  'target.issuer': '--issuer',
  cutoff: '--cutoff',
  reason: '--reason',
  reason_text: '--reason-text',
  confirm: '--confirm',
};

function namesIn(options: MemberOptions): Record<string, string> {
  const names = Object.entries(options).map(([member, [flags]]) => [member, flags.replace(/ .*/, '')]);
  return Object.fromEntries(names);
}

/**
 * Replaces the API's names by options: at the beginning of the message any, elsewhere only those that cannot be
 * English words.
 */
export function inOptions(message: string): string {
  return message.replace(/(?<![-\w.])[a-z][\w.]*(?=[ ,;:)]|$)/g, (word, at: number) =>
    at === 0 || word.includes('_') || word === 'jwks' || word === 'discovery'
      ? (optionOf(word) ?? word)
      : word,
  );
}

function optionOf(word: string): string | undefined {
  const parts = word.split('.');
  for (let length = parts.length; length > 0; length--) {
    const name = parts.slice(0, length).join('.');
    if (Object.hasOwn(options, name)) return options[name];
  }
  return undefined;
}
