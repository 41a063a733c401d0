// Administration of issuers: add, suspend and resume, ask for fresh keys; and remembering which key a `kid`
// has named. Each change and its audit event are one decision.
import { eventOf, type NewEvent, type Origin } from './audit.ts';
import type { Issuer } from './issuers.ts';
import type { Decision, IssuerKey, Store } from './store.ts';

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

export type IssuerSwitched =
  | { readonly status: 'switched' | 'already_so'; readonly issuer: Issuer }
  | { readonly status: 'not_found' };

/** Suspends an issuer or lifts its suspension: its tokens are inactive meanwhile, and can still be revoked. */
export async function switchIssuer(
  store: Store,
  origin: Origin,
  name: string,
  enabled: boolean,
): Promise<IssuerSwitched> {
  return store.write((facts, now): Decision<IssuerSwitched> => {
    const issuer = facts.issuer(name);
    if (!issuer) return { outcome: { status: 'not_found' }, effects: {} };
    if (enabled === (issuer.disabledAt === null))
      return { outcome: { status: 'already_so', issuer }, effects: {} };
    const at = enabled ? null : now;
    const action = enabled ? 'issuer_enabled' : 'issuer_disabled';
    return {
      outcome: { status: 'switched', issuer: { ...issuer, disabledAt: at } },
      effects: {
        issuers: [{ kind: 'set_disabled', issuer: name, at }],
        events: [eventOf(origin, action, { metadata: { issuer: name } })],
      },
    };
  });
}

export type KeysMarkedStale =
  | { readonly status: 'marked'; readonly issuer: Issuer }
  | { readonly status: 'not_found' };

/** Every process fetches the issuer's keys again before it uses them next. */
export async function markKeysStale(store: Store, origin: Origin, name: string): Promise<KeysMarkedStale> {
  return store.write((facts, now): Decision<KeysMarkedStale> => {
    const issuer = facts.issuer(name);
    if (!issuer) return { outcome: { status: 'not_found' }, effects: {} };
    return {
      outcome: { status: 'marked', issuer: { ...issuer, keysStaleBefore: now } },
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
    const named = facts.together(
      ...keys.map(
        ({ issuer, kid }) =>
          () =>
            facts.thumbprints(issuer, kid),
      ),
    );
    const issuerKeys = keys.filter(({ thumbprint }, n) => !named[n]?.includes(thumbprint));
    const events = issuerKeys.map((key) => keySeen(origin, key));
    return { outcome: undefined, effects: { issuerKeys, events } };
  });
}

function keySeen(origin: Origin, key: IssuerKey): NewEvent {
  return eventOf(origin, 'issuer_key_seen', { metadata: { ...key } });
}

/** What the audit event shows of a new issuer. */
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
