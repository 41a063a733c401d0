// JSON bodies: objects and arrays, in UTF-8.
import { z } from 'zod';
import { check } from '../../wire/check.ts';
import { badParameter, Refusal } from '../../wire/refusal.ts';
import { type Context, isOfType } from '../context.ts';
import { secretsIn } from '../secrecy.ts';
import { bodyBytesMax, readBody } from './body.ts';
import { hasBody } from './body-flow.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a JSON object or array of at most `bytesMax` bytes; an empty body counts as an empty object. */
export async function readJson(ctx: Context, bytesMax: number = bodyBytesMax): Promise<unknown> {
  return (await readJsonOfSize(ctx, bytesMax)).value;
}

/** The same, with the size of the body in bytes. */
export async function readJsonOfSize(
  ctx: Context,
  bytesMax: number,
): Promise<{ value: unknown; bytes: number }> {
  if (!isJson(ctx)) throw wrongType([jsonType]);
  return takeJson(ctx, bytesMax);
}

/** The same; a request without a body needs no content type either. */
export async function readJsonIfAny(ctx: Context): Promise<unknown> {
  return hasBody(ctx.req) ? readJson(ctx) : {};
}

/** For calls that take nothing from a body: whoever sends `dry_run` to one must not find it done. */
export async function demandNoMembers(ctx: Context): Promise<void> {
  check(z.strictObject({}), await readJsonIfAny(ctx));
}

const jsonType = 'application/json';
const patchTypes = ['application/merge-patch+json', jsonType];

/** Reads a merge patch. Other patches are JSON as well, and mean something else (RFC 5789 §2.2). */
export async function readPatch(ctx: Context): Promise<unknown> {
  if (!patchTypes.some((type) => isOfType(ctx, type)))
    throw wrongType(patchTypes, { 'Accept-Patch': patchTypes.join(', ') });
  const { value, bytes } = await takeJson(ctx, bodyBytesMax);
  // A patch that was lost on its way must not look like one that was made.
  if (bytes === 0) throw new Refusal('invalid_request', 'the body is empty, and must be a JSON merge patch');
  return value;
}

function wrongType(types: readonly string[], headers: Readonly<Record<string, string>> = {}): Refusal {
  return new Refusal('unsupported_media_type', `the content type must be ${types.join(' or ')}`, { headers });
}

async function takeJson(ctx: Context, bytesMax: number): Promise<{ value: unknown; bytes: number }> {
  const body = await readBody(ctx, bytesMax);
  const value = body.length === 0 ? {} : parseJson(body, bytesMax);
  if (typeof value !== 'object' || value === null)
    throw new Refusal('invalid_request', 'the body must be a JSON object or array');
  ctx.state.names.understood(secretsIn(value));
  return { value, bytes: body.length };
}

/** Not `+json`: such a type is JSON that means something of its own (RFC 6839 §3.1). */
export function isJson(ctx: Context): boolean {
  return isOfType(ctx, jsonType);
}

/**
 * RFC 8259 §8.1: JSON is UTF-8. Repairing other bytes could make one user of two. §4: of a name that is there twice,
 * another reader may have taken the other value, as may whoever looked at the body before us.
 */
export function parseJson(bytes: Uint8Array, bytesMax: number, what = 'the body'): unknown {
  const { names, containers, depth } = survey(bytes);
  const max = Math.floor(bytesMax / bytesPerNode);
  if (containers > max) throw new Refusal('invalid_request', `${what} has over ${max} objects and arrays`);
  if (names > max) throw new Refusal('invalid_request', `${what} has over ${max} members`);
  if (depth > depthMax) throw new Refusal('invalid_request', `${what} is over ${depthMax} levels deep`);
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (countMembers(value) === names) return value;
    throw new Refusal('invalid_request', `${what} names a member of an object twice`);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('invalid_request', `${what} is not valid JSON in UTF-8`);
  }
}

/**
 * Of containers and of members alike: sixty for each token of the largest array. Parsed, brackets take thirty times their
 * bytes, and ten times as long as other JSON: 1,000 bodies of 64 KiB held up all others for twenty seconds. Names, all
 * different, take nearly as long.
 */
const bytesPerNode = 16;
/** What is read has ten at most; apps may send what is ignored. */
const depthMax = 32;

const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];
const [bracket, brace, endBracket, endBrace] = [0x5b, 0x7b, 0x5d, 0x7d];

/** Of valid JSON: outside of strings, a colon follows each name, and nothing else. */
function survey(bytes: Uint8Array): { names: number; containers: number; depth: number } {
  let [names, containers, level, depth] = [0, 0, 0, 0];
  let isInString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) isInString = !isInString;
    else if (isInString && byte === backslash) at += 1;
    else if (isInString) continue;
    else if (byte === colon) names += 1;
    else if (byte === endBracket || byte === endBrace) level -= 1;
    else if (byte === bracket || byte === brace) {
      containers += 1;
      level += 1;
      depth = Math.max(depth, level);
    }
  }
  return { names, containers, depth };
}

const protoName = '__proto__';

/** Refuses `__proto__`, which the library that checks bodies would leave out silently. */
function countMembers(value: unknown): number {
  let count = 0;
  const lists: unknown[][] = [[value]];
  for (const list of lists)
    for (const each of list) {
      if (typeof each !== 'object' || each === null) continue;
      if (Object.hasOwn(each, protoName)) throw badParameter(protoName, 'must not be the name of a member');
      const members = Object.values(each);
      if (!Array.isArray(each)) count += members.length;
      lists.push(members);
    }
  return count;
}
