// Header fields of which a request has one. Of several, Node takes the first; a proxy in front of us may have gone
// by the last.
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

const singletons = ['host', 'authorization', 'content-type'];
/** Most names need not be looked at. */
const lengths: ReadonlySet<number> = new Set(singletons.map(({ length }) => length));

/**
 * RFC 9112 §3.2 for Host, RFC 9110 §5.3 for the rest.
 * @throws Refusal `invalid_request`.
 */
export function checkHeaderFields({ rawHeaders, httpVersion }: IncomingMessage): void {
  const seen: string[] = [];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const written = rawHeaders[n] as string;
    if (!lengths.has(written.length)) continue;
    const name = written.toLowerCase();
    if (!singletons.includes(name)) continue;
    if (seen.includes(name)) throw new Refusal('invalid_request', `the header ${name} is repeated`);
    seen.push(name);
  }
  if (httpVersion !== '1.0' && !seen.includes('host'))
    throw new Refusal('invalid_request', 'the header host is missing');
}
