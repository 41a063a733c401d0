// What stands against a token, made of the facts that are looked up (look-ups.ts). Decisions see more than what is loaded:
// decision-facts.ts.
import type { Claims, EarlierJudgement } from '../../domain/claims.ts';
import { covers, forever, keysOf, type LoggedRevocation, type Revocation } from '../../domain/cutoffs.ts';
import { type Facts, historyMax } from '../../domain/store.ts';
import { type Target, type TargetKey, targetKey, targetsEverywhere } from '../../domain/targets.ts';
import { issuedFrom } from '../../domain/token-life.ts';
import type { Standing } from '../../domain/verdict.ts';
import * as factKinds from './fact-kinds.ts';
import { LookUps } from './look-ups.ts';

/** No issuer's clock is assumed to be further ahead of ours than this, whatever CLOCK_SKEW_SECONDS is. */
const aheadMsMax = 600_000;

export class LoadedFacts extends LookUps implements Facts {
  readonly #keys = new Map<Claims, TargetKey[]>();

  standing(claims: Claims): Standing {
    return { coveredBy: this.#coverNowOrBefore(claims), suspended: this.#areSuspended(claims) };
  }

  #coverNowOrBefore(claims: Claims): readonly Revocation[] {
    const coveredBy = this.#coverOf(claims);
    return coveredBy.length > 0 ? coveredBy : this.#coverBefore(claims);
  }

  /** What killed the token as it was judged before. */
  #coverBefore({ judgedBefore }: Claims): readonly Revocation[] {
    if (!judgedBefore) return [];
    const rows = this.#coverNowOrBefore(judgedBefore.as);
    const earlier = rows.filter(({ revokedAt }) => revokedAt <= judgedBefore.until);
    if (earlier.length > 0 || rows.length === 0) return earlier;
    // A later row may have taken the place of an earlier one, which then stands in the log alone.
    return this.#logBefore(judgedBefore);
  }

  #coverOf(claims: Claims): readonly Revocation[] {
    if (!this.mayBeCovered(claims)) return [];
    const own = this.#keysOf(claims);
    const [ownRows, furtherKeys] = this.together(
      () => this.each(own, (key) => this.coverageOf(key)).flat(),
      () => this.#keysEverywhere(claims),
    );
    const further = this.each(furtherKeys, (key) => this.coverageOf(key)).flat();
    const keys = [...own, ...furtherKeys];
    return this.#thoseThatCover(claims, keys, [...ownRows, ...further]);
  }

  final(target: Target): Revocation | undefined {
    return this.coverageOf(targetKey(target)).find((row) => row.cutoff === forever);
  }

  history(claims: Claims): readonly LoggedRevocation[] {
    const { judgedBefore } = claims;
    const [now, before] = this.together(
      () => this.#logOf(claims),
      () => (judgedBefore ? this.#logBefore(judgedBefore) : []),
    );
    const rows = new Map([...now, ...before].map((row) => [row.seq, row]));
    return [...rows.values()].sort((one, other) => one.seq - other.seq).slice(0, historyMax);
  }

  #logBefore({ as, until }: EarlierJudgement): LoggedRevocation[] {
    const before = as.judgedBefore ? this.#logBefore(as.judgedBefore) : [];
    return [...this.#logOf(as), ...before].filter(({ revokedAt }) => revokedAt <= until);
  }

  #logOf(claims: Claims): LoggedRevocation[] {
    const keys = [...this.#keysOf(claims), ...this.#keysEverywhere(claims)];
    const rows = this.shelf(factKinds.histories).get(JSON.stringify([claims.issuedAt, keys]));
    return this.#thoseThatCover(claims, keys, rows);
  }

  /**
   * Leaves out cutoffs from before a token without `iat` can have been valid by any clock: it must not matter whether
   * those were purged.
   */
  #thoseThatCover<Row extends Revocation>(
    claims: Claims,
    keys: readonly TargetKey[],
    rows: readonly Row[],
  ): Row[] {
    const from = issuedFrom(claims, this.memory.records) - aheadMsMax;
    return rows.filter((row) => row.cutoff >= from && covers(row, keys, claims));
  }

  isForgotten(issuedFrom: number, expiresAt: number): boolean {
    const { until, endsUntil, endsKnownAt } = this.memory.records.purged;
    // The token had ended by the clock of the purging process, but not yet by ours: its own revocation is gone.
    const endedThen = this.now < expiresAt && expiresAt <= endsUntil;
    return (endedThen && issuedFrom <= endsKnownAt + aheadMsMax) || issuedFrom <= until;
  }

  #keysOf(claims: Claims): TargetKey[] {
    const keys = this.#keys.get(claims) ?? keysOf(claims);
    this.#keys.set(claims, keys);
    return keys;
  }

  /** The token's keys for revocations in every issuer. */
  #keysEverywhere(claims: Claims): TargetKey[] {
    return targetsEverywhere(claims, this.kindsEverywhere()).map(targetKey);
  }

  /** Is the token's client or issuer suspended? */
  #areSuspended({ clientId, issuer }: Claims): boolean {
    return (clientId !== null && this.isClientSuspended(clientId)) || this.isIssuerSuspended(issuer);
  }
}
