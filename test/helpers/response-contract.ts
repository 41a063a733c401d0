// Holds responses against openapi.yaml: status, media type, body and headers must be what it describes for
// that path and method. Every response that a test sees passes through here, so that what is described and
// what is served cannot drift apart.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { load } from 'js-yaml';
import { readPackageFile } from '../../src/package-root.ts';

export interface SeenResponse {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

interface Described {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, { $ref?: string; required?: boolean; schema?: object }>>;
  readonly content?: Readonly<Record<string, { schema: object }>>;
}
type PathItem = Readonly<Record<string, { responses?: Readonly<Record<string, Described>> }>>;
type Description = Readonly<Record<string, unknown>> & { readonly paths: Readonly<Record<string, PathItem>> };

const description = load(readPackageFile('openapi.yaml')) as Description;
const documentId = 'openapi.yaml';
const ajv = new Ajv2020({ allowUnionTypes: true, allErrors: true });
formats.default(ajv);
ajv.addVocabulary([...Object.keys(description), 'example']);
ajv.addSchema(description as object, documentId);

const validators = new Map<string, ValidateFunction>();
const unknownPath = '#/components/responses/ProblemNotFound';
/** Files of the documentation page, which openapi.yaml does not list. */
const undescribed = /^\/docs\/./;

/** What is wrong with a response; empty when nothing is. `logoutAliases` answer as /logout does. */
export function problemsOf(seen: SeenResponse, logoutAliases: readonly string[]): string[] {
  const { pathname } = new URL(seen.path, 'http://test');
  if (undescribed.test(pathname) && seen.status === 200) return [];
  const pointer = pointerTo(logoutAliases.includes(pathname) ? '/logout' : pathname, seen);
  const response = pointer === undefined ? undefined : (at(pointer) as Described);
  if (pointer === undefined || response === undefined) return [`status ${seen.status} is not described`];
  return [...headerProblems(seen, response), ...bodyProblems(seen, response, pointer)];
}

function pointerTo(pathname: string, { method, status }: SeenResponse): string | undefined {
  const template = Object.keys(description.paths).find((path) => matches(path, pathname));
  if (template === undefined) return unknownPath;
  const item = description.paths[template] as PathItem;
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const operation = item[verb]?.responses ? verb : Object.keys(item).find((key) => item[key]?.responses);
  const response = operation === undefined ? undefined : item[operation]?.responses?.[status];
  if (!response) return undefined;
  return response.$ref ?? `#/paths/${toPointer(template)}/${operation}/responses/${status}`;
}

function matches(template: string, pathname: string): boolean {
  const pattern = template.replace(/[.]/g, '\\.').replace(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(pathname);
}

function headerProblems(seen: SeenResponse, response: Described): string[] {
  return Object.entries(response.headers ?? {}).flatMap(([name, described]) => {
    const pointer = described.$ref;
    const header = (pointer ? at(pointer) : described) as { required?: boolean; schema?: { type?: string } };
    const value = seen.headers[name.toLowerCase()];
    if (value === undefined) return header.required ? [`header ${name} is missing`] : [];
    if (!pointer) return [];
    const validate = validatorOf(`${pointer}/schema`);
    const isValid = validate(header.schema?.type === 'integer' ? Number(value) : value);
    return isValid ? [] : [`header ${name} ${ajv.errorsText(validate.errors)}`];
  });
}

function bodyProblems(seen: SeenResponse, response: Described, pointer: string): string[] {
  if (response.content === undefined || seen.method === 'HEAD') {
    return seen.text === '' ? [] : ['there is a body where none is described'];
  }
  const type = (seen.headers['content-type'] ?? '').split(';')[0] as string;
  if (!response.content[type]) return [`content type ${type} is not described for status ${seen.status}`];
  const validate = validatorOf(`${pointer}/content/${toPointer(type)}/schema`);
  return valuesOf(seen.text, type).flatMap((value) =>
    validate(value) ? [] : [ajv.errorsText(validate.errors, { dataVar: 'body' })],
  );
}

/** Every line of NDJSON is described; of text, the whole is. */
function valuesOf(text: string, type: string): unknown[] {
  if (type === 'application/x-ndjson') {
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line));
  }
  return [/[/+]json$/.test(type) ? JSON.parse(text) : text];
}

function validatorOf(pointer: string): ValidateFunction {
  const known = validators.get(pointer);
  if (known) return known;
  const fragment = pointer
    .slice(1)
    .split('/')
    .map((part) => encodeURIComponent(decodeURIComponent(part)))
    .join('/');
  const validate = ajv.compile({ $ref: `${documentId}#${fragment}` });
  validators.set(pointer, validate);
  return validate;
}

/** The part of the description that a pointer names. */
function at(pointer: string): unknown {
  const parts = pointer.slice(2).split('/');
  return parts.reduce<unknown>(
    (node, part) => (node as Record<string, unknown> | undefined)?.[fromPointer(part)],
    description,
  );
}

function toPointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

function fromPointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
