// Why is this token dead, or alive? For auditors only: everybody else is told no more than active or not.
import type { LoggedRevocation } from '../cutoffs.ts';
import { type Client, holds } from '../records/clients.ts';
import type { Store } from '../store.ts';
import { everyIssuer, type Target, targetsOf } from '../targets.ts';
import { findKnownToken, type KnownToken, registrationOf } from '../tokens/known-token.ts';
import type { Presented } from '../tokens/token-verifier.ts';
import { isSuperseded, verdict } from '../verdict.ts';
import { maySee } from './introspect-token.ts';

export type Explained =
  /** There is no such client as was asked about. */
  | { readonly cause: 'unknown_caller' }
  | { readonly cause: 'unknown' }
  | {
      /** The reason that decides, for the client that was asked about. */
      readonly cause:
        | 'alive'
        | 'revoked'
        | 'superseded'
        | 'expired'
        | 'not_yet_valid'
        | 'suspended'
        | 'not_for_this_caller';
      readonly claims: KnownToken;
      /** Null for a JWT that nobody registered. */
      readonly registeredAt: number | null;
      readonly suspended: boolean;
      readonly targets: readonly { target: Target; revocations: readonly LoggedRevocation[] }[];
      /** The oldest revocation that covers the token. */
      readonly first: LoggedRevocation | null;
    };

/**
 * `presented`: null for text that could not be a token. `callerId`: the client that was told the token is inactive;
 * undefined: no particular client.
 */
export function explainToken(
  store: Store,
  presented: Presented | null,
  callerId: string | undefined,
): Promise<Explained> {
  return store.ask((facts, now): Explained => {
    const caller = callerId === undefined ? undefined : facts.client(callerId);
    if (callerId !== undefined && !caller) return { cause: 'unknown_caller' };
    const claims = presented && findKnownToken(facts, presented);
    if (!claims) return { cause: 'unknown' };
    const [standing, rows] = facts.together(
      () => facts.standing(claims),
      () => facts.history(claims),
    );
    const judged = verdict(claims, standing, now);
    const isHidden = caller !== undefined && !(mayIntrospect(caller) && maySee(facts, caller, claims));
    const judgement = judged.active ? 'alive' : judged.why;
    const cause = judgement === 'revoked' && isSuperseded(standing) ? 'superseded' : judgement;
    const bears = (row: LoggedRevocation, { kind, issuer, id }: Target) =>
      row.target.kind === kind &&
      (row.target.issuer === issuer || row.target.issuer === everyIssuer) &&
      // Only a JWT has two targets of one kind. Ids of other kinds are not compared, as erasure may have replaced
      // them.
      (kind !== 'token' || row.target.id === id);
    return {
      cause: cause === 'alive' && isHidden ? 'not_for_this_caller' : cause,
      claims,
      registeredAt: registrationOf(facts, presented)?.registeredAt ?? null,
      suspended: standing.suspended,
      targets: targetsOf(claims).map((target) => ({
        target,
        revocations: rows.filter((row) => bears(row, target)),
      })),
      first: rows[0] ?? null,
    };
  });
}

/** May this client use /introspect at all? */
function mayIntrospect(client: Client): boolean {
  return client.disabledAt === null && (holds(client, 'introspect') || holds(client, 'introspect:any'));
}
