// What bodies, queries and the command line share: members with their syntax and bounds.
import { isIP } from 'node:net';
import { z } from 'zod';
import { plainAddress } from '../addresses.ts';
import { idLengthMax } from '../domain/claims.ts';
import { clientIdSyntax } from '../domain/records/clients.ts';
import { everyIssuer } from '../domain/targets.ts';
import { tokenBytesMax, tokenSyntax } from '../domain/tokens/presented-token.ts';
import { hasExactNumbers, isShallow } from '../domain/values/json-values.ts';
import { printable } from '../domain/values/printable.ts';

export const uriLengthMax = 512;
const listItemsMax = 100;

export function line(lengthMax: number) {
  return z.string().min(1).max(lengthMax).regex(printable);
}

/** An identifier: `sub`, `sid` and their like. */
export const identifier = line(idLengthMax);
export const clientIdentifier = line(idLengthMax).regex(clientIdSyntax);
export const uri = line(uriLengthMax);

/** The name of one issuer; `*`, which stands for all of them in a target, is none. */
export function issuerName(lengthMax = uriLengthMax) {
  return line(lengthMax).refine((name) => name !== everyIssuer, 'must name one issuer');
}

/** For a name that stands in a path, where these two are none (RFC 3986 §5.2.4): nobody could reach what bears it. */
export function notDots<T extends z.ZodType<string>>(name: T): T {
  return name.refine((text) => text !== '.' && text !== '..', 'must not be . or ..');
}

export const list = <T extends z.ZodType>(item: T) => z.array(item).max(listItemsMax);

/** One audience or several (RFC 7519 §4.1.3). */
export const audience = z.union([uri, list(uri).min(1)], {
  error: ({ input }) =>
    Array.isArray(input) && input.length > listItemsMax
      ? `has over ${listItemsMax} items`
      : `must be a string of 1 to ${uriLengthMax} printable characters, or a list of them`,
});

/** User ids are compared and answered as decimal strings where issuers number their users. */
export const userIdentifier = z.union([identifier, z.int().transform(String)], {
  error: (issue) =>
    issue.input === undefined
      ? 'is missing'
      : `must be a string of 1 to ${idLengthMax} printable characters, or an integer`,
});

/** Stray bits at its end are refused, or one hash would have four names. */
export const sha256 = z
  .string()
  .refine(
    (text) =>
      /^[A-Za-z0-9_-]{43}$/.test(text) && Buffer.from(text, 'base64url').toString('base64url') === text,
    'must be a SHA-256 in base64url: 43 characters, without padding',
  );

/** RFC 6749 appendix A.12. With a stray line end it would be another token, and an order to end it end nothing. */
export const token = z.string().min(1).max(tokenBytesMax).regex(tokenSyntax);

/** The same, made hex, as the rules have it. */
export const digest = sha256.transform((text) => Buffer.from(text, 'base64url').toString('hex'));

/** A zone (RFC 4007 §11) may be any text, and means nothing here. */
export const ipAddress = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), 'is not an IP address')
  .transform(plainAddress);

/** JSON of any shape, but of bounded size and depth. */
export function boundedJson<T extends z.ZodType>(schema: T, bytesMax: number, depthMax: number) {
  return schema
    .refine((value) => isShallow(value, depthMax) && Buffer.byteLength(JSON.stringify(value)) <= bytesMax, {
      error: `is over ${bytesMax} bytes or ${depthMax} levels deep`,
      abort: true,
    })
    .refine(hasExactNumbers, 'holds a number that not every reader of JSON takes for the same');
}
