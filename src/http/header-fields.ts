// Header fields that a request may have only once. If there are several, Node takes the first, but a proxy in front
// of us may have used the last.
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../wire/refusal.ts';

/** uri-host and port (RFC 3986 §3.2): empty where the target has none. */
const hostSyntax = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?$/;
const singletons = ['host', 'authorization', 'content-type'];
/** Most field names can be skipped by their length. */
const lengths: ReadonlySet<number> = new Set(singletons.map(({ length }) => length));

/**
 * RFC 9112 §3.2 for Host, RFC 9110 §5.3 for the rest.
 * @throws Refusal `invalid_request`.
 */
export function checkHeaderFields({ headers, rawHeaders, httpVersion }: IncomingMessage): void {
  const { 'transfer-encoding': codings } = headers;
  if (codings !== undefined) checkTransferCodings(codings, httpVersion);
  const seen: string[] = [];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const written = rawHeaders[n] as string;
    if (!lengths.has(written.length)) continue;
    const name = written.toLowerCase();
    if (!singletons.includes(name)) continue;
    if (seen.includes(name)) throw new Refusal('invalid_request', `the header ${name} is repeated`);
    seen.push(name);
    if (name === 'host') checkHost(rawHeaders[n + 1] as string);
  }
  if (httpVersion !== '1.0' && !seen.includes('host'))
    throw new Refusal('invalid_request', 'the header host is missing');
}

const closing = { headers: { Connection: 'close' } };

/** RFC 9112 §6.1: whoever passed it on may have seen another end of the body, so nothing after it is read. */
function checkTransferCodings(codings: string, httpVersion: string): void {
  if (httpVersion === '1.0')
    throw new Refusal('invalid_request', 'HTTP/1.0 has no transfer-encoding', closing);
  if (codings === '') throw new Refusal('invalid_request', 'the header transfer-encoding is empty', closing);
  if (codings.toLowerCase() !== 'chunked')
    throw new Refusal('unknown_transfer_coding', 'no transfer coding but chunked is known here', closing);
}

/** Nearly all requests name the same host. */
let lastHost = '';

function checkHost(host: string): void {
  if (host === lastHost) return;
  if (!hostSyntax.test(host))
    throw new Refusal('invalid_request', 'the header host is not a host and a port');
  lastHost = host;
}
