// POST /introspect/batch: /introspect for many tokens in one round trip, for gateways. No RFC defines it. Each token
// is answered as it would be alone, all as of one instant; if one cannot be answered, none is.
import { z } from 'zod';
import type { Origin } from '../../domain/audit.ts';
import { introspectTokens } from '../../domain/introspect/introspect-token.ts';
import type { Store } from '../../domain/store.ts';
import type { Presented, TokenVerifier } from '../../domain/tokens/token-verifier.ts';
import { check } from '../../wire/check.ts';
import { badParameter, Refusal } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { credentialMembers, credentialsOf } from '../auth/json-credentials.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import type { Overload } from '../overload.ts';
import { readJson } from '../reading/json.ts';
import { respond } from '../respond.ts';
import { answerOf, leaveTrace, permitAsker, type TraceParts } from './introspection.ts';

export interface IntrospectBatchParts extends TraceParts {
  readonly store: Store;
  readonly tokenVerifier: TokenVerifier;
  readonly auth: ClientAuth;
  readonly overload: Overload;
}

const tokensMax = 100;
const batchBytesMax = 262_144;
/** Most of a request's cost is not its token: so many tokens of a batch weigh as much as one more introspection. */
const tokensPerRequest = 10;
/** How many signatures of one batch are checked side by side: few, so that other requests get theirs checked, too. */
const verifiedAtOnce = 4;

/** Unknown members are ignored, as /introspect ignores unknown parameters. */
const batchBody = z.object({ tokens: z.array(z.unknown()), ...credentialMembers });

export function handleIntrospectBatch(parts: IntrospectBatchParts) {
  const { store, tokenVerifier, auth, overload } = parts;
  return async function introspectBatch(ctx: Context): Promise<void> {
    const body = check(batchBody, await readJson(ctx, batchBytesMax));
    const caller = await permitAsker(auth, ctx, credentialsOf(body));
    const presentedTokens = readTokens(body.tokens);

    const introspections = await overload.run(1 + presentedTokens.length / tokensPerRequest, async () =>
      introspectTokens(store, caller, await presentAll(tokenVerifier, presentedTokens)),
    );
    let origin: Origin | undefined;
    const originOnce = () => {
      origin ??= originOf(ctx, caller.actor);
      return origin;
    };
    for (const introspection of introspections) leaveTrace(parts, introspection, originOnce);
    // RFC 9701 signs the answer about one token; it has no form for many.
    respond(ctx, 200, { results: introspections.map(answerOf) });
  };
}

const isString = (value: unknown) => typeof value === 'string';

function readTokens(tokens: readonly unknown[]): string[] {
  if (tokens.length > tokensMax)
    throw new Refusal('too_many_items', `tokens holds at most ${tokensMax} tokens`);
  return tokens.map((token, n) => {
    if (!isString(token)) throw badParameter(`tokens[${n}]`, 'must be of type string');
    if (token === '') throw badParameter(`tokens[${n}]`, 'is empty');
    return token;
  });
}

/** In the order of the tokens; a repeated one is verified once. */
async function presentAll(
  tokenVerifier: TokenVerifier,
  tokens: readonly string[],
): Promise<(Presented | null)[]> {
  const presented = new Map<string, Presented | null>();
  const rest = new Set(tokens).values();
  const verify = async () => {
    for (const token of rest) presented.set(token, await tokenVerifier.present(token));
  };
  await Promise.all(Array.from({ length: verifiedAtOnce }, verify));
  return tokens.map((token) => presented.get(token) ?? null);
}
