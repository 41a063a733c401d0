// Forms as OAuth means them (RFC 6749 §3.2, appendix B): flat UTF-8 strings, no parameter twice, a
// parameter without a value is one that was not sent. Own reader, since general ones make arrays of repeats,
// objects of brackets, and pass on what they cannot decode.
import { badParameter, Refusal, safeName } from '../../wire/refusal.ts';
import { type Context, isOfType } from '../context.ts';
import { secretNames } from '../secrecy.ts';
import { readBody } from './body.ts';
import { decodeWhole, formDecode } from './urlencoded.ts';

export const formType = 'application/x-www-form-urlencoded';

export type Form = ReadonlyMap<string, string>;

/** Those that are ignored count as well, as each takes time to read. */
const parametersMax = 64;

/** All parameters that any endpoint reads from a form. */
const parameters: ReadonlySet<string> = new Set([
  'token',
  'token_type_hint',
  'refresh_token',
  'logout_token',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'user_id',
  'userId',
  'issuer',
  'scope',
  'reason',
  'timestamp',
]);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the form of a request; refuses every other kind of body. */
export async function readForm(ctx: Context): Promise<Form> {
  if (!isOfType(ctx, formType))
    throw new Refusal('unsupported_media_type', `the content type must be ${formType}`);
  const form = parseForm(await readBody(ctx));
  const secrets: string[] = [];
  for (const name of secretNames) {
    const secret = form.get(name);
    if (secret !== undefined) secrets.push(secret);
  }
  ctx.state.names.understood(secrets);
  return form;
}

function parseForm(body: Uint8Array): Form {
  const form = new Map<string, string>();
  const text = decodeWhole(() => utf8.decode(body));
  if (text === '') return form;
  let count = 0;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    count += 1;
    if (count > parametersMax)
      throw new Refusal('invalid_request', `there are over ${parametersMax} parameters`);
    const split = pair.indexOf('=');
    const name = formDecode(split < 0 ? pair : pair.slice(0, split));
    const value = split < 0 ? '' : formDecode(pair.slice(split + 1), name);
    const [plain = ''] = name.split(/[[\]]/, 1);
    if (plain !== name) {
      // Unknown parameters are ignored (RFC 6749 §3.2). A known one with brackets is refused.
      if (!parameters.has(plain)) continue;
      throw badParameter(plain, 'must be a plain parameter, without brackets');
    }
    if (form.has(name)) throw badParameter(safeName(name), 'is repeated');
    form.set(name, value);
  }
  for (const [name, value] of form) if (value === '') form.delete(name);
  return form;
}
