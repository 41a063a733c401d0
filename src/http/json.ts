// JSON bodies of /v1 and /logout, and checking them: every problem names its member, none its value.
import bodyParser from 'koa-bodyparser';
import type { z } from 'zod';
import type { Context } from './context.ts';
import { bodyBytesMax, tooLarge } from './form.ts';
import { Refusal, safeName } from './refusal.ts';

/** Reads a JSON object or array of at most `bytesMax` bytes. */
export async function readJson(ctx: Context, bytesMax: number = bodyBytesMax): Promise<unknown> {
  if (!ctx.is('json', '+json')) {
    throw new Refusal('unsupported_media_type', 'the content type must be application/json');
  }
  await parserFor(bytesMax)(ctx as Parameters<Parser>[0], async () => {});
  return (ctx.request as { body?: unknown }).body;
}

type Parser = ReturnType<typeof bodyParser>;
const parsers = new Map<number, Parser>();

function parserFor(bytesMax: number): Parser {
  const known = parsers.get(bytesMax);
  if (known) return known;
  const parser = bodyParser({
    enableTypes: ['json'],
    extendTypes: { json: ['+json'] },
    jsonLimit: String(bytesMax),
    strict: true,
    onerror: (error) => {
      if ((error as { status?: number }).status === 413) throw tooLarge(bytesMax);
      throw new Refusal('invalid_request', 'the body is not valid JSON');
    },
  });
  parsers.set(bytesMax, parser);
  return parser;
}

/** Throws a refusal that names every member with a problem, each with its first. */
export function check<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const all = result.error.issues.flatMap(describe);
  const parameters = all.filter(
    ({ parameter }, n) => all.findIndex((other) => other.parameter === parameter) === n,
  );
  const [first] = parameters;
  const message = first ? first.message : 'the body has the wrong shape';
  throw new Refusal('invalid_request', message, { parameters });
}

type Issue = z.core.$ZodIssue;

/** Where the library's name of a type is not that of JSON. */
const typeNames: Readonly<Record<string, string>> = { record: 'object', int: 'integer' };
/** What the library says of a union that has no words of its own. */
const wordless = 'Invalid input';

function describe(issue: Issue): { parameter: string; message: string }[] {
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
      return `must be one of: ${issue.values.join(', ')}`;
    case 'too_big':
      return `is over ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1 ? 'is empty' : `is under ${issue.minimum}`;
    case 'invalid_union':
      if ('options' in issue && issue.options) return `must be one of: ${issue.options.join(', ')}`;
      return issue.message === wordless ? 'has the wrong form' : issue.message;
    case 'custom':
      return issue.message ?? 'is not acceptable';
    default:
      return 'has the wrong form';
  }
}
