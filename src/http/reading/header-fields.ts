// What the head of a request must be like before anything is made of it: the version of HTTP, how many header fields
// there are, how the body is framed, and fields that there may be only once. If there are several, Node takes the first,
// but a proxy in front of us may have used the last.
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../../wire/refusal.ts';
import { headerFieldsMax } from '../connection/request-limits.ts';

/** uri-host and port (RFC 3986 §3.2): empty where the target has none. */
const hostSyntax = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?$/;
const singletons = ['host', 'authorization', 'content-type'];
/** Most field names can be skipped by their length. */
const lengths: ReadonlySet<number> = new Set(singletons.map(({ length }) => length));

/** Node reads requests of 0.9 and 2.0 as well, as if they were of 1.1. */
const versions: readonly string[] = ['1.0', '1.1'];
const closing = { headers: { Connection: 'close' } };

/**
 * RFC 9110 §15.6.6 for the version, RFC 6585 §5 for the number of fields, RFC 9112 §6.1 for the framing, §3.2 for Host,
 * RFC 9110 §5.3 for the rest.
 * @throws Refusal
 */
export function checkHeaderFields({ headers, rawHeaders, httpVersion }: IncomingMessage): void {
  if (!versions.includes(httpVersion))
    throw new Refusal('unsupported_version', 'of the versions of HTTP, 1.0 and 1.1 are spoken here', closing);
  if (rawHeaders.length > 2 * headerFieldsMax)
    throw new Refusal('too_many_fields', `the header has over ${headerFieldsMax} fields`, closing);
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
