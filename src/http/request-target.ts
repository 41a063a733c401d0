// The target of a request: its path and query, however the request line writes them (RFC 9112 §3.2).
import type { IncomingMessage } from 'node:http';

/** The beginning of a whole URL (RFC 9112 §3.2.2); its path and query stay as they are written. */
const wholeUrl = /^https?:\/\/[^/?#]*/i;

/** The path of a request whose target is a path and perhaps a query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** Reduces a whole URL to its path and query, before the target is used. Leaves it empty if it was no URL. */
export function toPathAndQuery(request: IncomingMessage): void {
  const { url = '' } = request;
  if (url.startsWith('/') && !url.includes('#')) return;
  const [origin] = wholeUrl.exec(url) ?? [];
  const rest = origin === undefined ? url : url.slice(origin.length);
  const isUrl = (origin === undefined || URL.canParse(origin)) && /^(?:\/[^#]*|\?[^#]*|\*)?$/.test(rest);
  request.url = isUrl ? rest.replace(/^(?!\/|\*)/, '/') : '';
}

/** False if it is not UTF-8: repairing that could make one user of two. */
export function isWellEncoded({ url = '' }: IncomingMessage): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}
