// Administration of issuers: add, update, suspend and resume, ask for fresh keys; and remembering which key a `kid`
// has named. Each change and its audit event are one decision.
import { isDeepStrictEqual } from 'node:util';
import { eventOf, type NewEvent, type Origin } from '../audit.ts';
import type { Decision, Facts, Store } from '../store.ts';
import { type Edit, editRecord, switchRecord } from './edit-record.ts';
import type { Issuer, IssuerKey } from './issuers.ts';

export type NewIssuer = Omit<Issuer, 'createdAt' | 'disabledAt' | 'keysStaleBefore'>;

export type IssuerAdded =
  | { readonly status: 'added'; readonly issuer: Issuer }
  | { readonly status: 'issuer_exists' };

/** `keys`: those of the record itself that have a `kid`. */
export async function addIssuer(
  store: Store,
  origin: Origin,
  fields: NewIssuer,
  keys: readonly IssuerKey[],
): Promise<IssuerAdded> {
  return store.write((facts, now): Decision<IssuerAdded> => {
    if (facts.issuer(fields.issuer)) return { outcome: { status: 'issuer_exists' }, effects: {} };
    const issuer: Issuer = { ...fields, createdAt: now, disabledAt: null, keysStaleBefore: 0 };
    return {
      outcome: { status: 'added', issuer },
      effects: {
        issuers: [{ kind: 'insert', issuer }],
        issuerKeys: keys,
        events: [
          eventOf(origin, 'issuer_added', { metadata: summaryOf(issuer) }),
          ...keys.map((key) => keySeen(origin, key)),
        ],
      },
    };
  });
}

/** A member whose change could bring dead tokens back to life. */
export type Revived = 'claims' | 'default_client' | 'refresh_marker';

export type IssuerUpdated =
  | { readonly status: 'updated'; readonly issuer: Issuer }
  | { readonly status: 'would_revive'; readonly member: Revived };

/** An edit with the keys of the record itself that have a `kid`. */
export type IssuerEdit = Edit<NewIssuer> & { readonly keys: readonly IssuerKey[] };

/** Undefined if there is no such issuer. */
export async function updateIssuer(
  store: Store,
  origin: Origin,
  name: string,
  edit: (issuer: Issuer) => Promise<IssuerEdit>,
): Promise<IssuerUpdated | undefined> {
  return editRecord(
    store,
    (facts) => facts.issuer(name),
    edit,
    (before, { fields, changed, keys }, facts): Decision<IssuerUpdated> => {
      const member = revivesBy(before, fields);
      if (member) return { outcome: { status: 'would_revive', member }, effects: {} };
      const issuer: Issuer = { ...before, ...fields };
      const outcome = { status: 'updated', issuer } as const;
      if (changed.length === 0) return { outcome, effects: {} };
      const seen = newKeys(facts, keys);
      return {
        outcome,
        effects: {
          issuers: [{ kind: 'update', issuer }],
          issuerKeys: seen,
          events: [
            eventOf(origin, 'issuer_updated', { metadata: { ...summaryOf(issuer), changed } }),
            ...seen.map((key) => keySeen(origin, key)),
          ],
        },
      };
    },
  );
}

/**
 * Revocations cover tokens by their ids and their use. A token that had no user, client or grant can only be covered by
 * more when it gets a user or a client. One that gets a session or a grant may be spared by a revocation of all but
 * that, and one that gets a client no longer belongs to `default_client`.
 */
function revivesBy(before: Issuer, after: NewIssuer): Revived | null {
  const { claims, defaultClient, refreshMarker } = before;
  const mayGrow = { user: true, client: defaultClient === null, grant: false, session: false };
  const keepsClaims = (['user', 'client', 'grant', 'session'] as const).every((kind) => {
    const [names, next] = [claims[kind], after.claims[kind]];
    return names.every((name, n) => next[n] === name) && (mayGrow[kind] || next.length === names.length);
  });
  if (!keepsClaims) return 'claims';
  if (defaultClient !== null && after.defaultClient !== defaultClient) return 'default_client';
  return isDeepStrictEqual(after.refreshMarker, refreshMarker) ? null : 'refresh_marker';
}

/** While an issuer is suspended, its tokens are inactive, and can still be revoked. */
export function switchIssuer(
  store: Store,
  origin: Origin,
  name: string,
  enabled: boolean,
): Promise<Issuer | undefined> {
  const find = (facts: Facts) => facts.issuer(name);
  return switchRecord(store, find, enabled, (at) => ({
    issuers: [{ kind: 'set_disabled', issuer: name, at }],
    events: [eventOf(origin, enabled ? 'issuer_enabled' : 'issuer_disabled', { metadata: { issuer: name } })],
  }));
}

/** Every process fetches the issuer's keys again before it uses them next. Undefined if there is no such issuer. */
export async function markKeysStale(store: Store, origin: Origin, name: string): Promise<Issuer | undefined> {
  return store.write((facts, now): Decision<Issuer | undefined> => {
    const issuer = facts.issuer(name);
    if (!issuer) return { outcome: undefined, effects: {} };
    return {
      outcome: { ...issuer, keysStaleBefore: now },
      effects: {
        issuers: [{ kind: 'set_keys_stale', issuer: name, at: now }],
        events: [eventOf(origin, 'issuer_keys_refreshed', { metadata: { issuer: name } })],
      },
    };
  });
}

/** Lets a key be revoked by its `kid`, even after it left the set. Known keys change nothing. */
export async function rememberKeys(store: Store, origin: Origin, keys: readonly IssuerKey[]): Promise<void> {
  if (keys.length === 0) return;
  await store.write((facts): Decision<void> => {
    const issuerKeys = newKeys(facts, keys);
    const events = issuerKeys.map((key) => keySeen(origin, key));
    return { outcome: undefined, effects: { issuerKeys, events } };
  });
}

/** Those that the issuer has never named by their `kid` before. */
function newKeys(facts: Facts, keys: readonly IssuerKey[]): IssuerKey[] {
  const named = facts.each(keys, ({ issuer, kid }) => facts.thumbprints(issuer, kid));
  return keys.filter(({ thumbprint }, n) => !named[n]?.includes(thumbprint));
}

function keySeen(origin: Origin, key: IssuerKey): NewEvent {
  return eventOf(origin, 'issuer_key_seen', { metadata: { ...key } });
}

/** What an auditor wants to know of an issuer that was added or updated. */
function summaryOf(issuer: Issuer): Record<string, unknown> {
  const { issuer: name, keySource, algorithms, audiences, scopePermissions, reach } = issuer;
  return {
    issuer: name,
    keys: keySource.kind,
    algorithms,
    audiences,
    scope_permissions: scopePermissions,
    reach,
  };
}
