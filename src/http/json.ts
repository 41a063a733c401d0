// JSON bodies of /v1 and /logout, and checking them: every problem names its member, none its value.
import type { z } from 'zod';
import { isObject } from '../domain/jwt-shape.ts';
import type { Context } from './context.ts';
import { bodyBytesMax, readBody, readingBody } from './form.ts';
import { badParameter, Refusal, type RefusedParameter, safeName } from './refusal.ts';
import { protect, secretNames } from './secrecy.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a JSON object or array of at most `bytesMax` bytes; nothing stands for an empty object. */
export async function readJson(ctx: Context, bytesMax: number = bodyBytesMax): Promise<unknown> {
  return (await readJsonOfSize(ctx, bytesMax)).value;
}

/** The same, with the size of the body in bytes. */
export function readJsonOfSize(ctx: Context, bytesMax: number): Promise<{ value: unknown; bytes: number }> {
  return readingBody(ctx, () => takeJson(ctx, bytesMax));
}

async function takeJson(ctx: Context, bytesMax: number): Promise<{ value: unknown; bytes: number }> {
  if (!isJson(ctx)) {
    throw new Refusal('unsupported_media_type', 'the content type must be application/json');
  }
  const body = await readBody(ctx, bytesMax);
  const value = body.length === 0 ? {} : parseJson(body);
  if (typeof value !== 'object' || value === null)
    throw new Refusal('invalid_request', 'the body must be a JSON object or array');
  protect(ctx, secretsIn(value));
  return { value, bytes: body.length };
}

export function isJson(ctx: Context): boolean {
  return ctx.is('json', '+json') !== false;
}

/**
 * Secrets of a body, and of what may be in it: items of an array, a list of tokens, the target of a revocation. No deeper:
 * whoever nests arrays by the thousand has put none there.
 */
export function secretsIn(body: unknown): string[] {
  const items = (Array.isArray(body) ? body : [body]).filter(isObject);
  const holders = items.flatMap((item) => (isObject(item.target) ? [item, item.target] : [item]));
  return holders
    .flatMap((holder) => [...secretNames.map((name) => holder[name]), holder.tokens].flat())
    .filter((secret) => typeof secret === 'string');
}

/** RFC 8259 §8.1: what is not UTF-8 is no JSON; to mend it could make one user of two. */
export function parseJson(bytes: Uint8Array, what = 'the body'): unknown {
  try {
    const text = utf8.decode(bytes);
    return JSON.parse(text, mayHoldProto.test(text) ? refuseProto : undefined);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('invalid_request', `${what} is not valid JSON in UTF-8`);
  }
}

const problemsMax = 20;

const protoName = '__proto__';
/** Also with some of its letters escaped. */
const mayHoldProto = /__proto__|\\u00/i;

/** The library that checks bodies leaves such a member out without a word. */
function refuseProto(name: string, value: unknown): unknown {
  if (name === protoName) throw badParameter(name, 'must not be the name of a member');
  return value;
}

/** Throws a refusal that names the members with a problem, each with its first. */
export function check<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const byName = new Map<string, RefusedParameter>();
  for (const named of result.error.issues.flatMap(describe))
    if (!byName.has(named.parameter)) byName.set(named.parameter, named);
  const parameters = [...byName.values()].slice(0, problemsMax);
  const [first] = parameters;
  const message = first ? first.message : 'the body has the wrong shape';
  throw new Refusal('invalid_request', message, { parameters });
}

type Issue = z.core.$ZodIssue;

/** Where the library's name of a type is not that of JSON. */
const typeNames: Readonly<Record<string, string>> = { record: 'object', int: 'integer' };
/** What the library says of a union that has no words of its own. */
const wordless = 'Invalid input';

function describe(issue: Issue): RefusedParameter[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const parameter = nameOf([...issue.path, key]);
      return { parameter, message: `${parameter} is not known here` };
    });
  }
  const parameter = issue.path.length === 0 ? 'body' : nameOf(issue.path);
  return [{ parameter, message: `${parameter} ${problemOf(issue)}` }];
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === 'number' ? part : safeName(String(part)))).join('.');
}

function problemOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing'
        : `must be of type ${typeNames[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.input === undefined ? 'is missing' : `must be one of: ${issue.values.join(', ')}`;
    case 'too_big':
      return `is over ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'is empty';
      return `is under ${issue.minimum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'invalid_union':
      if ('options' in issue && issue.options) return `must be one of: ${issue.options.join(', ')}`;
      return issue.message === wordless ? 'has the wrong form' : issue.message;
    case 'custom':
      return issue.message ?? 'is not acceptable';
    default:
      return 'has the wrong form';
  }
}
