// private_key_jwt (RFC 7523 §2.2, §3, with the audience rules of rfc7523bis): the client signs a short-lived
// statement that it is itself, for this server alone, and each statement counts once across all processes.
import { digestOf } from '../../domain/claims.ts';
import type { Client } from '../../domain/records/clients.ts';
import { asymmetricAlgorithms } from '../../domain/records/issuers.ts';
import type { Store } from '../../domain/store.ts';
import { parseJwt, typeOf, type UntrustedJwt } from '../../domain/tokens/jwt-shape.ts';
import { couldBeToken } from '../../domain/tokens/presented-token.ts';
import { useId } from '../../domain/use-id.ts';
import { isWordOf } from '../../domain/vocabulary.ts';
import { type KeyRing, ownerOf } from '../../jwt/key-ring.ts';
import { findSigner } from '../../jwt/signer.ts';
import { hasBadMembers } from '../../jwt/verify-signature.ts';
import { badParameter, missingParameter } from '../../wire/refusal.ts';
import type { Form } from '../reading/form.ts';
import type { Credentials } from './credentials.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const lifetimeMsMax = 600_000;
const jtiLengthMax = 255;
/** The last is from rfc7523bis; older libraries send `JWT` or none at all. */
const types = ['', 'jwt', 'client-authentication+jwt'];

export interface AssertionParts {
  readonly store: Store;
  readonly keyRing: KeyRing;
  readonly audiences: AssertionAudiences;
  readonly clockSkewMs: number;
}

export interface AssertionAudiences {
  /** One of these, as the only audience. */
  readonly own: readonly string[];
  /** Also accepted, even several of them and of the above: older clients were told to send these. */
  readonly legacy: readonly string[];
}

/** The client that an assertion says it is from; nothing is verified yet. */
export function readAssertion(form: Form): Credentials | undefined {
  const assertion = form.get('client_assertion');
  const type = form.get('client_assertion_type');
  if (assertion === undefined && type === undefined) return undefined;
  if (assertion === undefined) throw missingParameter('client_assertion');
  if (type === undefined) throw missingParameter('client_assertion_type');
  if (type !== assertionType) throw badParameter('client_assertion_type', `must be ${assertionType}`);
  const subject = couldBeToken(assertion) ? parseJwt(assertion)?.payload.sub : undefined;
  const named = form.get('client_id');
  const clientId = typeof subject === 'string' ? subject : (named ?? '');
  if (named !== undefined && named !== clientId)
    throw badParameter('client_id', 'differs from the client that client_assertion names');
  return { clientId, assertion, methods: ['private_key_jwt'] };
}

export async function provesAssertion(
  { store, keyRing, ...parts }: AssertionParts,
  client: Client,
  assertion: string,
  now: number,
): Promise<boolean> {
  const jwt = parseJwt(assertion);
  const { alg } = jwt?.header ?? {};
  const owner = ownerOf(client);
  if (!jwt || typeof alg !== 'string' || !owner || misfitIn(jwt, client, parts, now)) return false;
  if (!(await findSigner(assertion, jwt, alg, keyRing, owner))) return false;
  const { jti, exp } = jwt.payload as { jti: string; exp: number };
  // Last of all, so that an assertion that fails for another reason does not use up the id of a good one.
  const digest = digestOf(`assertion\0${client.clientId}\0${jti}`);
  return useId(store, { digest, kind: 'assertion', expiresAt: Math.ceil(exp * 1000) });
}

type Rules = Pick<AssertionParts, 'audiences' | 'clockSkewMs'>;

/** For the log: the member by which an assertion was refused; undefined where it is the signature, or a used `jti`. */
export function misfitOf(assertion: string, client: Client, rules: Rules, now: number): string | undefined {
  const jwt = parseJwt(assertion);
  return jwt && misfitIn(jwt, client, rules, now);
}

/** The first member that does not fit. */
function misfitIn(
  { header, payload }: UntrustedJwt,
  client: Client,
  rules: Rules,
  now: number,
): string | undefined {
  const { iss, sub, exp, nbf, iat, jti } = payload;
  const type = typeOf(header);
  const isPast = (time: unknown) =>
    time === undefined || (isTime(time) && time * 1000 <= now + rules.clockSkewMs);
  const fits = {
    typ: type !== undefined && types.includes(type),
    alg: isWordOf(asymmetricAlgorithms, header.alg),
    header: !hasBadMembers(header),
    iss: iss === client.clientId,
    sub: sub === client.clientId,
    exp: isTime(exp) && exp * 1000 > now && exp * 1000 <= now + lifetimeMsMax,
    nbf: isPast(nbf),
    iat: isPast(iat),
    jti: typeof jti === 'string' && jti !== '' && jti.length <= jtiLengthMax,
    aud: isForUs(payload.aud, rules.audiences),
  };
  return Object.entries(fits).find(([, fit]) => !fit)?.[0];
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** An assertion for several audiences could be replayed by one of them at another. */
function isForUs(aud: unknown, { own, legacy }: AssertionAudiences): boolean {
  const names = Array.isArray(aud) ? aud : [aud];
  if (names.length === 1 && own.includes(names[0])) return true;
  const all = [...own, ...legacy];
  return legacy.length > 0 && names.length > 0 && names.every((name) => all.includes(name));
}
