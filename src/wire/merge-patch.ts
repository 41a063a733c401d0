// JSON merge patch (RFC 7396): what PATCH takes for clients and issuers.
import { isObject, isShallow } from '../domain/values/json-values.ts';
import { badParameter, safeName } from './refusal.ts';

/** More than any record has. */
const depthMax = 10;

type Members = Readonly<Record<string, unknown>>;

/**
 * The members of a record after a patch: null takes a member away, which gives it its default. Throws a refusal that
 * names the first member that is not `changeable`.
 */
export function patchMembers(record: Members, patch: unknown, changeable: object): Members {
  if (!isObject(patch)) throw badParameter('body', 'must be an object');
  if (!isShallow(patch, depthMax)) throw badParameter('body', `is over ${depthMax} levels deep`);
  const fixed = Object.keys(patch).find((name) => !Object.hasOwn(changeable, name));
  if (fixed !== undefined) throw badParameter(safeName(fixed), 'is no member that can be changed');
  return merge(record, patch) as Members;
}

/** RFC 7396 §2. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = merge(merged[name], value);
  }
  return merged;
}
