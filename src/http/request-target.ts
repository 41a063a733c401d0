// The target of a request: its path and query, however the request line writes them (RFC 9112 §3.2).
import type { IncomingMessage } from 'node:http';

/** Of a whole URL (RFC 9112 §3.2.2); its path and query stay as they are written. */
const wholeUrl = /^https?:\/\/[^/?#]*/i;

/** The path of a request whose target is a path and perhaps a query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** Leaves path and query of a whole URL, before anyone goes by the target. It is empty where it was no URL. */
export function toPathAndQuery(request: IncomingMessage): void {
  const { url = '' } = request;
  if (url.startsWith('/') && !url.includes('#')) return;
  const [origin] = wholeUrl.exec(url) ?? [];
  const rest = origin === undefined ? url : url.slice(origin.length);
  const isUrl = (origin === undefined || URL.canParse(origin)) && /^(?:\/[^#]*|\?[^#]*|\*)?$/.test(rest);
  request.url = isUrl ? rest.replace(/^(?!\/|\*)/, '/') : '';
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
