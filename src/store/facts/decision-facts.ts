// Facts for the decisions of one batch: what is loaded, overlaid with what the decisions before have changed, so that
// each sees their effects.
import type { Claims, Digest, RegisteredToken } from '../../domain/claims.ts';
import { decisive, forever, keysOf, type NewRevocation, type Revocation } from '../../domain/cutoffs.ts';
import type { Client } from '../../domain/records/clients.ts';
import type { Issuer } from '../../domain/records/issuers.ts';
import type { Grant, Session } from '../../domain/sessions.ts';
import {
  type Decision,
  type EarlierOutcome,
  outcomeOf,
  sessionsMax,
  unitTokensMax,
} from '../../domain/store.ts';
import { type Target, type TargetKey, type TargetKind, targetKey } from '../../domain/targets.ts';
import type { Memory } from '../memory/memory.ts';
import type { DecisionHeads } from '../tables/heads.ts';
import type { NumberedRevocation } from '../tables/revocation-rows.ts';
import { type BatchRows, Changes, type CutoffChanges } from './changes.ts';
import { LoadedFacts } from './facts.ts';
import type { FactKind } from './shelf.ts';

export class DecisionFacts extends LoadedFacts {
  #changes: Changes;

  /** `memory` has been brought up to `heads`. */
  constructor(memory: Memory, heads: DecisionHeads) {
    super(memory, heads, heads.now);
    this.#changes = new Changes(heads.revocation_seq, heads.now);
  }

  /** Forgets the changes: the decisions run again from the first; revocations are numbered on from the heads. */
  rewind(): void {
    this.#changes = new Changes(this.heads.revocation_seq, this.now);
  }

  /** Takes a decision into the batch: those after it see its effects. Returns its outcome. */
  take(decision: Decision<unknown>): unknown {
    const { effects } = decision;
    const revocations = effects.revocations ?? [];
    const keys = revocations.map(({ target }) => targetKey(target));
    this.each(keys, (key) => this.coverageOf(key));
    const sessions = (effects.sessions ?? []).map((session) =>
      touched(this.session(session.sessionId), session),
    );
    // No fact is missing from here on, so the effects are added whole.
    const seqs = revocations.map((revocation, n) => this.#addRevocation(revocation, keys[n] as TargetKey));
    this.#changes.add(effects, sessions);
    const outcome = outcomeOf(decision, seqs);
    const { keepOutcome } = effects;
    if (keepOutcome) this.#changes.outcomes.set(keepOutcome.keyDigest, { outcome, ...keepOutcome });
    return outcome;
  }

  /** Returns its number or, if it is final and there is a final one already, the number of that. */
  #addRevocation(revocation: NewRevocation, key: TargetKey): number {
    const earlier = isForGood(revocation) ? this.coverageOf(key).find(isForGood) : undefined;
    return earlier?.seq ?? this.#changes.addRevocation(revocation, key).seq;
  }

  /** All that the decisions have changed. */
  rows(): BatchRows {
    const changes = this.#changes;
    return {
      clients: changes.clients,
      issuers: changes.issuers,
      issuerKeys: changes.issuerKeys,
      usedIds: [...changes.usedIds.values()],
      tokens: [...changes.tokens.values()],
      sessions: [...changes.sessions.values()],
      revocations: [...changes.numbered.values()],
      cutoffs: this.#cutoffChanges(),
      outcomes: [...changes.outcomes.values()],
      events: changes.events,
    };
  }

  /** The changes to `cutoffs` after which it holds the deciding rows again. */
  #cutoffChanges(): CutoffChanges {
    const dropped: number[] = [];
    const added: NumberedRevocation[] = [];
    for (const [key, rows] of this.#changes.revocations) {
      const cutoffs = rows.filter((row) => !isForGood(row));
      if (cutoffs.length === 0) continue;
      const known = super.coverageOf(key).filter((row) => !isForGood(row));
      const kept = decisive([...known, ...cutoffs]);
      dropped.push(...known.filter((row) => !kept.includes(row)).map((row) => row.seq));
      for (const row of kept) {
        const numbered = this.#changes.numbered.get(row.seq);
        if (numbered) added.push(numbered);
      }
    }
    return { dropped, added };
  }

  override token(digest: Digest): RegisteredToken | undefined {
    return this.#changes.tokens.get(digest) ?? super.token(digest);
  }

  /** The first registration counts. */
  override jwt(signingInputDigest: Digest): RegisteredToken | undefined {
    return super.jwt(signingInputDigest) ?? this.#changes.jwts.get(signingInputDigest);
  }

  override earlierOutcome(keyDigest: Digest): EarlierOutcome | undefined {
    return this.#changes.outcomes.get(keyDigest) ?? super.earlierOutcome(keyDigest);
  }

  override session(sessionId: string): Session | undefined {
    return this.#changes.sessions.get(sessionId) ?? super.session(sessionId);
  }

  override grant(grantId: string): Grant | undefined {
    return this.#changes.grants.get(grantId) ?? super.grant(grantId);
  }

  override unexpiredTokensOf(target: Target): readonly RegisteredToken[] {
    return [...this.#changes.tokensOf(target), ...super.unexpiredTokensOf(target)].slice(0, unitTokensMax);
  }

  override sessionsOf(issuer: string, subject: string): readonly Session[] {
    const known = super.sessionsOf(issuer, subject);
    const isTheirs = (session: Session) => session.issuer === issuer && session.subject === subject;
    const added = [...this.#changes.sessions.values()].filter(
      (session) => isTheirs(session) && !known.some((other) => other.sessionId === session.sessionId),
    );
    return [...added, ...known].slice(0, sessionsMax);
  }

  override client(clientId: string): Client | undefined {
    return this.#changes.changedClient(clientId, super.client(clientId));
  }

  override issuer(name: string): Issuer | undefined {
    return this.#changes.changedIssuer(name, super.issuer(name));
  }

  override isUsed(digest: Digest): boolean {
    return this.#changes.usedIds.has(digest) || super.isUsed(digest);
  }

  /** Always looked up: what is remembered of a token is true, but its row may have been purged. */
  protected override registered(
    kind: FactKind<RegisteredToken | undefined>,
    key: Digest,
  ): RegisteredToken | undefined {
    return this.memory.mayBeRegistered(key, this.heads) ? this.shelf(kind).get(key) : undefined;
  }

  protected override mayBeCovered(claims: Claims): boolean {
    const { revocations, revokedKinds, kindsEverywhere } = this.#changes;
    return (
      kindsEverywhere.size > 0 ||
      super.mayBeCovered(claims) ||
      keysOf(claims, revokedKinds).some((key) => revocations.has(key))
    );
  }

  protected override coverageOf(key: TargetKey): readonly Revocation[] {
    const stored = super.coverageOf(key);
    const added = this.#changes.revocations.get(key);
    return added ? [...stored, ...added] : stored;
  }

  protected override kindsEverywhere(): ReadonlySet<TargetKind> {
    return new Set([...super.kindsEverywhere(), ...this.#changes.kindsEverywhere]);
  }

  protected override isClientSuspended(clientId: string): boolean {
    const last = this.#changes.switchOfClient(clientId);
    return last ? last.at !== null : super.isClientSuspended(clientId);
  }

  protected override isIssuerSuspended(name: string): boolean {
    const last = this.#changes.switchOfIssuer(name);
    return last ? last.at !== null : super.isIssuerSuspended(name);
  }
}

function isForGood({ cutoff }: Pick<NewRevocation, 'cutoff'>): boolean {
  return cutoff === forever;
}

function touched(known: Session | undefined, session: Session): Session {
  if (!known) return session;
  return {
    ...known,
    lastActiveAt: Math.max(known.lastActiveAt, session.lastActiveAt),
    expiresAt: Math.max(known.expiresAt, session.expiresAt),
  };
}
