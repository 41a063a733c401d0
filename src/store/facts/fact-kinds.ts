// The kinds of facts, each with how it is found in the database.
import type { RegisteredToken } from '../../domain/claims.ts';
import type { LoggedRevocation, Revocation } from '../../domain/cutoffs.ts';
import type { Client } from '../../domain/records/clients.ts';
import type { Issuer } from '../../domain/records/issuers.ts';
import type { Grant, Session } from '../../domain/sessions.ts';
import { type EarlierOutcome, sessionsMax, unitTokensMax } from '../../domain/store.ts';
import type { TargetKey, TargetKind } from '../../domain/targets.ts';
import { allOf } from '../all-of.ts';
import { findClients } from '../tables/clients.ts';
import { findOutcomes } from '../tables/idempotency-keys.ts';
import { findIssuers, listThumbprints } from '../tables/issuers.ts';
import { listCoverage, listKindsEverywhere, listUnderKeys } from '../tables/revocations.ts';
import { findSessions, listSessionsOf } from '../tables/sessions.ts';
import { findGrants, findJwts, findTokens, listUnexpired } from '../tables/tokens.ts';
import { findUsedIds } from '../tables/used-ids.ts';
import type { FactKind } from './shelf.ts';

/** The key of a kind that has only one fact. */
export const theOne = '';

const unitColumns = { grant: 'grant_id', session: 'session_id' } as const;

export const tokens: FactKind<RegisteredToken | undefined> = {
  load: async (db, digests) => byKey(await findTokens(db, digests), (token) => token.digest),
  absent: undefined,
};

/** By digest of the signing input. */
export const jwts: FactKind<RegisteredToken | undefined> = {
  // If a JWT was registered by several strings, the first registration counts: it comes last.
  load: async (db, digests) => byKey(await findJwts(db, digests), (token) => token.targetDigest),
  absent: undefined,
};

/** By target key. */
export const coverage: FactKind<readonly Revocation[]> = {
  load: async (db, keys) => groupByKey(await listCoverage(db, keys)),
  absent: [],
};

/** Which kinds of target were revoked in every issuer. */
export const kindsEverywhere: FactKind<ReadonlySet<TargetKind>> = {
  load: async (db) => [[theOne, new Set(await listKindsEverywhere(db))]],
  absent: new Set(),
};

export const sessions: FactKind<Session | undefined> = {
  load: async (db, ids) => byKey(await findSessions(db, ids), (session) => session.sessionId),
  absent: undefined,
};

export const grants: FactKind<Grant | undefined> = {
  load: async (db, ids) => byKey(await findGrants(db, ids), (grant) => grant.grantId),
  absent: undefined,
};

export const clients: FactKind<Client | undefined> = {
  load: async (db, ids) => byKey(await findClients(db, ids), (client) => client.clientId),
  absent: undefined,
};

export const issuers: FactKind<Issuer | undefined> = {
  load: async (db, names) => byKey(await findIssuers(db, names), (issuer) => issuer.issuer),
  absent: undefined,
};

export const usedIds: FactKind<boolean> = {
  load: async (db, digests) => (await findUsedIds(db, digests)).map((digest) => [digest, true]),
  absent: false,
};

export const outcomes: FactKind<EarlierOutcome | undefined> = {
  load: findOutcomes,
  absent: undefined,
};

/** How many rows that bear a token's names are read: some of them may spare it. */
const historyReadMax = 10_000;

/** By JSON of a token's time of issue and its target keys. */
export const histories: FactKind<readonly LoggedRevocation[]> = {
  load: (db, keys) =>
    eachOf<[number, TargetKey[]], LoggedRevocation[]>(keys, ([issuedAt, targetKeys]) =>
      listUnderKeys(db, targetKeys, issuedAt, historyReadMax),
    ),
  absent: [],
};

/** By JSON of issuer and kid. */
export const thumbprints: FactKind<readonly string[]> = {
  load: (db, keys) =>
    eachOf<[string, string], string[]>(keys, ([issuer, kid]) => listThumbprints(db, issuer, kid)),
  absent: [],
};

/** Unexpired tokens, by JSON of kind, issuer and id of what they bear. */
export const unitTokens: FactKind<readonly RegisteredToken[]> = {
  load: (db, keys, now) =>
    eachOf<['grant' | 'session', string, string], RegisteredToken[]>(keys, ([kind, issuer, id]) =>
      listUnexpired(db, unitColumns[kind], issuer, id, now, unitTokensMax),
    ),
  absent: [],
};

/** By JSON of issuer and subject. */
export const sessionsOf: FactKind<readonly Session[]> = {
  load: (db, keys, now) =>
    eachOf<[string, string], Session[]>(keys, ([issuer, subject]) =>
      listSessionsOf(db, issuer, subject, now, sessionsMax),
    ),
  absent: [],
};

function byKey<Value>(values: readonly Value[], keyOf: (value: Value) => string): [string, Value][] {
  return values.map((value) => [keyOf(value), value]);
}

function groupByKey(rows: readonly Revocation[]): Map<TargetKey, Revocation[]> {
  const groups = new Map<TargetKey, Revocation[]>();
  for (const row of rows) {
    const group = groups.get(row.key);
    if (group) group.push(row);
    else groups.set(row.key, [row]);
  }
  return groups;
}

/** One query for each key, which is JSON; all are sent together. */
async function eachOf<Parts, Value>(
  keys: readonly string[],
  load: (parts: Parts) => Promise<Value>,
): Promise<[string, Value][]> {
  const found: [string, Value][] = [];
  await allOf(
    keys.map(async (key) => {
      found.push([key, await load(JSON.parse(key) as Parts)]);
    }),
  );
  return found;
}
