// What would a revocation end? Counted among registered tokens, by the same rules as verdicts, page by page so that
// no request waits for it. It changes nothing, and does not count tokens that were never registered.
import type { RegisteredToken } from '../claims.ts';
import { covers, keysOf, type Revocation } from '../cutoffs.ts';
import type { Policy } from '../policy.ts';
import type { Facts, Store } from '../store.ts';
import { everyIssuer, targetKey, targetsEverywhere } from '../targets.ts';
import { dayMs, hourMs } from '../values/durations.ts';
import { isRevocable } from '../verdict.ts';
import { isFinalOrder, type RevokeOrder, rowOf } from './revoke-target.ts';

export interface Preview {
  readonly tokens: number;
  /** The revocation would be final. */
  readonly final: boolean;
  /** False if there are more tokens than a preview may look at: the counts are then lower bounds. */
  readonly complete: boolean;
  readonly byClient: ReadonlyMap<string, number>;
  readonly byAudience: ReadonlyMap<string, number>;
  /** Counted by the age of the session's last activity or, without one, of the registration. */
  readonly byLastActivity: Readonly<Record<ActivityAge, number>>;
}

type ActivityAge = 'hour' | 'day' | 'week' | 'month' | 'older';

const ages: readonly (readonly [ActivityAge, number])[] = [
  ['hour', hourMs],
  ['day', dayMs],
  ['week', 7 * dayMs],
  ['month', 30 * dayMs],
];
const tokensMax = 20_000;
const pagesMax = 200;
const tokensPerPage = 500;

interface Tally {
  tokens: number;
  readonly byClient: Map<string, number>;
  readonly byAudience: Map<string, number>;
  readonly byLastActivity: Record<ActivityAge, number>;
}

export async function previewRevocation(store: Store, policy: Policy, order: RevokeOrder): Promise<Preview> {
  const byLastActivity = { hour: 0, day: 0, week: 0, month: 0, older: 0 };
  const tally: Tally = { tokens: 0, byClient: new Map(), byAudience: new Map(), byLastActivity };
  let room = tokensMax;
  let complete = true;
  for (const target of [order.target, ...order.further]) {
    const { looked, isWhole } = await countUnder(store, policy, { ...order, target }, room, tally);
    room -= looked;
    complete &&= isWhole;
  }
  const final = await store.ask((facts) => isFinalOrder(facts, order));
  return { ...tally, final, complete };
}

/** Counts what the order ends under its first target, unless that takes looking at more than `room` tokens. */
async function countUnder(store: Store, policy: Policy, order: RevokeOrder, room: number, tally: Tally) {
  let after: readonly number[] | null = [];
  let looked = 0;
  for (let page = 0; after !== null && page < pagesMax && looked < room; page++) {
    const { tokens, next } = await store.listTokensUnder(order.target, after, tokensPerPage);
    for (let from = 0; from < tokens.length; from += tokensPerPage) {
      const part = tokens.slice(from, from + tokensPerPage);
      const ended = await store.ask((facts, now) => endedBy(facts, now, policy, order, part));
      for (const each of ended) count(tally, each);
    }
    looked += tokens.length;
    after = next;
  }
  return { looked, isWhole: after === null };
}

interface Ended {
  readonly token: RegisteredToken;
  readonly idleMs: number;
}

function endedBy(
  facts: Facts,
  now: number,
  policy: Policy,
  order: RevokeOrder,
  tokens: readonly RegisteredToken[],
): Ended[] {
  const { target, cause, ...said } = rowOf(order, policy, now, isFinalOrder(facts, order));
  const row: Revocation = { ...said, key: targetKey(target), reason: cause.reason, seq: 0, revokedAt: now };
  const kinds = new Set(target.issuer === everyIssuer ? [target.kind] : []);
  const hit = tokens.filter((token) =>
    covers(row, [...keysOf(token), ...targetsEverywhere(token, kinds).map(targetKey)], token),
  );
  const known = facts.each(hit, (token) =>
    facts.together(
      () => facts.standing(token),
      () => (token.sessionId === null ? undefined : facts.session(token.sessionId)),
    ),
  );
  return hit.flatMap((token, n) => {
    const [standing, session] = known[n] as (typeof known)[number];
    if (!isRevocable(token, standing, now)) return [];
    return [{ token, idleMs: now - (session?.lastActiveAt ?? token.registeredAt) }];
  });
}

function count(tally: Tally, { token, idleMs }: Ended): void {
  tally.tokens += 1;
  const clientId = token.clientId ?? '';
  tally.byClient.set(clientId, (tally.byClient.get(clientId) ?? 0) + 1);
  for (const name of token.audience) tally.byAudience.set(name, (tally.byAudience.get(name) ?? 0) + 1);
  const age = ages.find(([, ms]) => idleMs <= ms)?.[0] ?? 'older';
  tally.byLastActivity[age] += 1;
}
