// What the decisions of one batch have changed so far: decision-facts.ts lays it over what is loaded, and commit.ts
// writes it.
import type { NewEvent } from '../../domain/audit.ts';
import { type Digest, isJwt, type RegisteredToken } from '../../domain/claims.ts';
import type { NewRevocation, Revocation } from '../../domain/cutoffs.ts';
import { type Client, type ClientChange, changeClient } from '../../domain/records/clients.ts';
import {
  changeIssuer,
  type Issuer,
  type IssuerChange,
  type IssuerKey,
} from '../../domain/records/issuers.ts';
import type { Grant, Session } from '../../domain/sessions.ts';
import type { Effects, UsedId } from '../../domain/store.ts';
import { everyIssuer, type Target, type TargetKey, type TargetKind } from '../../domain/targets.ts';
import type { Learnt } from '../memory/memory.ts';
import type { KeptOutcome } from '../tables/idempotency-keys.ts';
import type { NumberedRevocation } from '../tables/revocation-rows.ts';

/** By their sequence numbers, and new ones. */
export interface CutoffChanges {
  readonly dropped: readonly number[];
  readonly added: readonly NumberedRevocation[];
}

/** What a batch writes. */
export interface BatchRows extends Learnt {
  readonly clients: readonly ClientChange[];
  readonly issuers: readonly IssuerChange[];
  readonly issuerKeys: readonly IssuerKey[];
  readonly usedIds: readonly UsedId[];
  readonly sessions: readonly Session[];
  readonly cutoffs: CutoffChanges;
  readonly outcomes: readonly KeptOutcome[];
  readonly events: readonly NewEvent[];
}

export class Changes {
  readonly tokens = new Map<Digest, RegisteredToken>();
  /** The JWTs among `tokens`, by the digests of their signing inputs. */
  readonly jwts = new Map<Digest, RegisteredToken>();
  readonly grants = new Map<string, Grant>();
  readonly sessions = new Map<string, Session>();
  readonly revocations = new Map<TargetKey, Revocation[]>();
  readonly clients: ClientChange[] = [];
  readonly issuers: IssuerChange[] = [];
  readonly issuerKeys: IssuerKey[] = [];
  readonly usedIds = new Map<Digest, UsedId>();
  readonly events: NewEvent[] = [];
  /** All of `revocations` in their order, by sequence number. */
  readonly numbered = new Map<number, NumberedRevocation>();
  /** The kinds of target of `revocations`. */
  readonly revokedKinds = new Set<TargetKind>();
  /** The kinds of target that were revoked in every issuer at once. */
  readonly kindsEverywhere = new Set<TargetKind>();
  readonly outcomes = new Map<Digest, KeptOutcome>();
  readonly #now: number;
  #seq: number;

  constructor(seqBefore: number, now: number) {
    this.#seq = seqBefore;
    this.#now = now;
  }

  /** Adds what one decision changes, but its revocations. `sessions` are its sessions, merged with what is known of them. */
  add(effects: Effects, sessions: readonly Session[]): void {
    for (const token of effects.tokens ?? []) this.#addToken(token);
    for (const session of sessions) this.sessions.set(session.sessionId, session);
    this.clients.push(...(effects.clients ?? []));
    this.issuers.push(...(effects.issuers ?? []));
    this.issuerKeys.push(...(effects.issuerKeys ?? []));
    for (const id of effects.usedIds ?? []) this.usedIds.set(id.digest, id);
    this.events.push(...(effects.events ?? []));
  }

  #addToken(token: RegisteredToken): void {
    this.tokens.set(token.digest, token);
    if (isJwt(token) && !this.jwts.has(token.targetDigest)) this.jwts.set(token.targetDigest, token);
    const { grantId, issuer, subject, clientId } = token;
    if (grantId !== null && !this.grants.has(grantId))
      this.grants.set(grantId, { grantId, issuer, subject, clientId });
  }

  /** `key` is that of its target. */
  addRevocation(revocation: NewRevocation, key: TargetKey): NumberedRevocation {
    this.#seq += 1;
    const { target, cause } = revocation;
    const row = { seq: this.#seq, key, reason: cause.reason, revokedAt: this.#now, ...revocation };
    this.numbered.set(row.seq, row);
    this.revokedKinds.add(target.kind);
    if (target.issuer === everyIssuer) this.kindsEverywhere.add(target.kind);
    const rows = this.revocations.get(key);
    if (rows) rows.push(row);
    else this.revocations.set(key, [row]);
    return row;
  }

  /** The tokens of a grant or session. */
  tokensOf({ kind, issuer, id }: Target): RegisteredToken[] {
    if (kind !== 'grant' && kind !== 'session') return [];
    const name = kind === 'grant' ? 'grantId' : 'sessionId';
    return [...this.tokens.values()].filter((token) => token[name] === id && token.issuer === issuer);
  }

  /** The record of a client that was `client` before. */
  changedClient(clientId: string, client: Client | undefined): Client | undefined {
    let changed = client;
    for (const change of this.clients)
      if (clientOf(change) === clientId) changed = changeClient(changed, change);
    return changed;
  }

  changedIssuer(name: string, issuer: Issuer | undefined): Issuer | undefined {
    let changed = issuer;
    for (const change of this.issuers) if (issuerOf(change) === name) changed = changeIssuer(changed, change);
    return changed;
  }

  /** The last change in this batch that suspended or resumed the client. */
  switchOfClient(clientId: string): Switch<ClientChange> | undefined {
    return this.clients.findLast(
      (change): change is Switch<ClientChange> =>
        change.kind === 'set_disabled' && change.clientId === clientId,
    );
  }

  switchOfIssuer(issuer: string): Switch<IssuerChange> | undefined {
    return this.issuers.findLast(
      (change): change is Switch<IssuerChange> => change.kind === 'set_disabled' && change.issuer === issuer,
    );
  }
}

type Switch<Change> = Extract<Change, { kind: 'set_disabled' }>;

function clientOf(change: ClientChange): string {
  return 'client' in change ? change.client.clientId : change.clientId;
}

function issuerOf(change: IssuerChange): string {
  return typeof change.issuer === 'string' ? change.issuer : change.issuer.issuer;
}
