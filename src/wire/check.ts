// Checks input against a schema: every problem names its member, none its value.
import type { z } from 'zod';
import { Refusal, type RefusedParameter, safeName } from './refusal.ts';

const problemsMax = 20;

/** Throws a refusal that names each bad member with its first problem. */
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

/** JSON's names for types that the library names differently. */
const typeNames: Readonly<Record<string, string>> = { record: 'object', int: 'integer' };
/** The library's message for a union that has none of its own. */
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
      if (issue.origin === 'array') return `has over ${issue.maximum} items`;
      return `is over ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_small':
      if (issue.minimum === 1 && issue.origin === 'string') return 'is empty';
      if (issue.minimum === 1 && issue.origin === 'array') return 'is an empty list';
      return `is under ${issue.minimum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'invalid_union':
      if ('options' in issue && issue.options) return `must be one of: ${issue.options.join(', ')}`;
      return issue.message === wordless ? 'has the wrong form' : issue.message;
    case 'custom':
      return issue.message;
    default:
      return 'has the wrong form';
  }
}
