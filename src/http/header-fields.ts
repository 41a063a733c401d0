// Header fields of which a request has one. Of several, Node takes the first; a proxy in front of us may have gone
// by the last.
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

const singletons: ReadonlySet<string> = new Set(['host', 'authorization', 'content-type']);

/**
 * RFC 9112 §3.2 for Host, RFC 9110 §5.3 for the rest.
 * @throws Refusal `invalid_request`.
 */
export function checkHeaderFields({ rawHeaders, httpVersion }: IncomingMessage): void {
  const seen = new Set<string>();
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = (rawHeaders[n] as string).toLowerCase();
    if (!singletons.has(name)) continue;
    if (seen.has(name)) throw new Refusal('invalid_request', `the header ${name} is repeated`);
    seen.add(name);
  }
  if (httpVersion !== '1.0' && !seen.has('host'))
    throw new Refusal('invalid_request', 'the header host is missing');
}
