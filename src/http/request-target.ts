// The target of a request: its path and query, however the request line writes them (RFC 9112 §3.2).
import type { IncomingMessage } from 'node:http';

const plain = /^\/[^#]*$/;
const base = 'http://localhost';

/** The path of a request whose target is a path and perhaps a query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** Leaves path and query of a whole URL, before anyone goes by the target. It is empty where it was no URL. */
export function toPathAndQuery(request: IncomingMessage): void {
  const { url = '' } = request;
  if (plain.test(url)) return;
  const { pathname, search } = URL.canParse(url, base) ? new URL(url, base) : { pathname: '', search: '' };
  request.url = pathname + search;
}

/** To mend what is not UTF-8 could make one user of two. */
export function isWellEncoded({ url = '' }: IncomingMessage): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}
