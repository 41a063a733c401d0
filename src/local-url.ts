// Where this machine reaches a server that listens on a host and port.

/** An http URL; every address is one to ask at, and IPv6 is bracketed (RFC 3986 §3.2.2). */
export function localUrl(host: string, port: number): string {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
