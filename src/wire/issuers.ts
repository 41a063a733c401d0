// An issuer as JSON: what the management API and the command line read and show.
import { z } from 'zod';
import { idLengthMax } from '../domain/claims.ts';
import {
  asymmetricAlgorithms,
  foreignTypes,
  type Inbox,
  type Issuer,
  inboxKinds,
  type KeySource,
  usualClaimNames,
  usualTypes,
} from '../domain/records/issuers.ts';
import {
  type IssuerEdit,
  type NewIssuer,
  type Revived,
  switchIssuer,
} from '../domain/records/manage-issuers.ts';
import { plainType } from '../domain/tokens/jwt-shape.ts';
import { differingMembers, withoutAbsent } from '../domain/values/json-values.ts';
import { isWordOf, permissions } from '../domain/vocabulary.ts';
import { namedInRecord } from '../jwt/verifying-keys.ts';
import { check } from './check.ts';
import { checkKeyUrl, jwksMember, keySourceToWire, toKeySource } from './key-source.ts';
import { clientIdentifier, identifier, issuerName, line, list, notDots, uri } from './members.ts';
import { patchMembers } from './merge-patch.ts';
import type { RecordKind } from './record-kind.ts';
import { badParameter, type Refusal } from './refusal.ts';
import { timeOf } from './time.ts';

const algorithmsUsual = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] as const;
const claimNames = z.union([identifier.transform((name) => [name]), list(identifier).min(1)]);

const tokenType = line(64)
  .transform(plainType)
  .refine((type) => !foreignTypes.has(type), 'names a kind of JWT that is no token');

export const newIssuerBody = z.strictObject({
  // Shorter than other URIs, as audit events store it as the sender of messages.
  issuer: notDots(issuerName(idLengthMax)),
  discovery: z.literal(true).optional(),
  jwks_uri: uri.optional(),
  jwks: jwksMember.optional(),
  algorithms: list(z.string()).min(1).optional(),
  types: list(tokenType).min(1).optional(),
  audiences: list(uri).default([]),
  claims: z
    .strictObject({
      user: claimNames.optional(),
      client: claimNames.optional(),
      session: claimNames.optional(),
      grant: claimNames.optional(),
    })
    .default({}),
  default_client: clientIdentifier.optional(),
  default_audience: uri.optional(),
  refresh_marker: z.strictObject({ claim: identifier, value: identifier }).optional(),
  reuses_ids: z.boolean().default(false),
  scope_permissions: z.record(line(255), list(z.enum(permissions))).default({}),
  reach: z.enum(['own', 'all']).default('own'),
  inbox: z
    .strictObject({
      kinds: list(z.enum(inboxKinds)).min(1),
      audience: clientIdentifier,
      governs: list(issuerName()).min(1).optional(),
      keep_offline: z.boolean().default(true),
      subject_formats: list(z.enum(['email', 'account'])).default([]),
    })
    .optional(),
});

type Body = z.output<typeof newIssuerBody>;

/** `allowHttp`: as for key sources. */
export async function toNewIssuer(body: Body, allowHttp: boolean): Promise<NewIssuer> {
  const { user, client, session, grant } = body.claims;
  return {
    issuer: body.issuer,
    keySource: await demandKeySource(body, allowHttp),
    algorithms: toAlgorithms(body.algorithms),
    types: body.types ?? usualTypes,
    audiences: [...new Set(body.audiences)],
    claims: {
      user: user ?? usualClaimNames.user,
      client: client ?? usualClaimNames.client,
      session: session ?? usualClaimNames.session,
      grant: grant ?? usualClaimNames.grant,
    },
    defaultClient: body.default_client ?? null,
    defaultAudience: body.default_audience ?? null,
    refreshMarker: body.refresh_marker ?? null,
    reusesIds: body.reuses_ids,
    scopePermissions: body.scope_permissions,
    reach: body.reach,
    inbox: toInbox(body),
  };
}

function toInbox({ issuer, inbox }: Body): Inbox | null {
  if (!inbox) return null;
  const { kinds, audience, governs, keep_offline, subject_formats } = inbox;
  return {
    kinds,
    audience,
    governs: governs ?? [issuer],
    keepsOffline: keep_offline,
    subjectFormats: subject_formats,
  };
}

async function demandKeySource(body: Body, allowHttp: boolean): Promise<KeySource> {
  const given = [body.discovery, body.jwks_uri, body.jwks].filter((way) => way !== undefined);
  if (given.length === 0) throw badParameter('jwks', 'or discovery or jwks_uri must say where its keys are');
  if (given.length > 1)
    throw badParameter('jwks', 'is one of three: give discovery, jwks_uri or jwks, and only one');
  const source = await toKeySource(body, allowHttp);
  if (source) return source;
  if (/[?#]/.test(body.issuer)) throw badParameter('issuer', 'has a query or fragment, so has no metadata');
  checkKeyUrl('issuer', body.issuer, allowHttp);
  return { kind: 'discovery' };
}

/** Anyone who can check a shared secret's signature can also make one: such trust is a setting, not a record. */
function toAlgorithms(given: readonly string[] | undefined): readonly string[] {
  const unknown = given?.find((alg) => !isWordOf(asymmetricAlgorithms, alg));
  if (unknown === undefined) return given ?? algorithmsUsual;
  const problem = /^HS\d+$/.test(unknown)
    ? 'may not be HMAC: trust tokens with a shared secret by JWT_SECRET and JWT_SECRET_ISSUERS'
    : `must be among: ${asymmetricAlgorithms.join(', ')}`;
  throw badParameter('algorithms', problem);
}

const { issuer: _issuer, ...changeable } = newIssuerBody.shape;
/** The members that a patch may name. */
export const issuerMembers = Object.keys(changeable);

/** What an issuer is to be after a merge patch; it must be as a new one may be. */
export async function patchIssuer(issuer: Issuer, patch: unknown, allowHttp: boolean): Promise<IssuerEdit> {
  const before = membersToWire(issuer);
  const body = check(newIssuerBody, { issuer: issuer.issuer, ...patchMembers(before, patch, changeable) });
  const fields = await toNewIssuer(body, allowHttp);
  const changed = differingMembers(before, membersToWire(fields));
  return { fields, changed, keys: await namedInRecord(fields) };
}

/** The refusal of a change that would bring dead tokens of `issuer` back to life. */
export function wouldRevive(member: Revived, issuer: string): Refusal {
  const about = { metadata: { issuer } };
  return badParameter(member, `${keptMembers[member]}, or revoked tokens could come back to life`, { about });
}

const keptMembers: Readonly<Record<Revived, string>> = {
  claims:
    'must keep the names it has, first and in their order, and no others for sessions and grants, nor for clients beside default_client',
  default_client: 'must stay as it is once it is set',
  refresh_marker: 'must stay as it is',
};

export function issuerToWire(issuer: Issuer): Record<string, unknown> {
  return {
    issuer: issuer.issuer,
    ...membersToWire(issuer),
    created_at: timeOf(issuer.createdAt),
    disabled_at: issuer.disabledAt === null ? null : timeOf(issuer.disabledAt),
  };
}

/** What an administrator gave, or could have given. */
function membersToWire(issuer: NewIssuer): Record<string, unknown> {
  return withoutAbsent({
    ...keySourceToWire(issuer.keySource),
    algorithms: issuer.algorithms,
    types: issuer.types,
    audiences: issuer.audiences,
    claims: issuer.claims,
    default_client: issuer.defaultClient,
    default_audience: issuer.defaultAudience,
    refresh_marker: issuer.refreshMarker,
    reuses_ids: issuer.reusesIds,
    scope_permissions: issuer.scopePermissions,
    reach: issuer.reach,
    inbox: issuer.inbox && inboxToWire(issuer.inbox),
  });
}

function inboxToWire({ kinds, audience, governs, keepsOffline, subjectFormats }: Inbox): object {
  return { kinds, audience, governs, keep_offline: keepsOffline, subject_formats: subjectFormats };
}

export const issuerKind: RecordKind<Issuer> = {
  noun: 'issuer',
  listAfter: (store, after, limit) => store.listIssuers(after, limit),
  find: (facts, name) => facts.issuer(name),
  setEnabled: switchIssuer,
  keyOf: ({ issuer }) => issuer,
  toWire: issuerToWire,
};
