// The URL by which this machine reaches a server on a host and port, and which hosts are loopback.
import { isIPv4 } from 'node:net';

/** An http URL: a wildcard address becomes loopback, and IPv6 is bracketed (RFC 3986 §3.2.2). */
export function localUrl(host: string, port: number): string {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Also takes the host of a URL. A name such as `127.example` may be any machine's. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || (isIPv4(host) && host.startsWith('127.'));
}
