// POST /introspect (RFC 7662). For anything dead, unknown or not for this caller the body is the same, byte
// for byte.
import { introspectToken } from '../../domain/introspect/introspect-token.ts';
import type { Caller } from '../../domain/records/clients.ts';
import type { Store } from '../../domain/store.ts';
import type { TokenVerifier } from '../../domain/tokens/token-verifier.ts';
import { signIntrospection } from '../../jwt/introspection-jwt.ts';
import type { SigningKeys } from '../../jwt/signing-keys.ts';
import { missingParameter } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import type { Overload } from '../overload.ts';
import { readForm } from '../reading/form.ts';
import { respond, respondText } from '../respond.ts';
import { prefers } from './accept.ts';
import {
  answerOf,
  type IntrospectionAnswer,
  leaveTrace,
  permitAsker,
  type TraceParts,
} from './introspection.ts';

export interface IntrospectParts extends TraceParts {
  readonly store: Store;
  readonly tokenVerifier: TokenVerifier;
  readonly auth: ClientAuth;
  readonly overload: Overload;
  /** Null: answers are not signed. */
  readonly signingKeys: SigningKeys | null;
  /** The `iss` of signed answers. */
  readonly authorizationServerIssuer: string;
  readonly now: () => number;
}

const signedType = 'application/token-introspection+jwt';

export function handleIntrospect(parts: IntrospectParts) {
  const { store, tokenVerifier, auth, overload, signingKeys, authorizationServerIssuer, now } = parts;
  return async function introspect(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    const caller = await permitAsker(auth, ctx, form);
    const presentedToken = form.get('token');
    if (presentedToken === undefined) throw missingParameter('token');

    const answer = await overload.run(1, async () => {
      const presented = tokenVerifier.recall(presentedToken) ?? (await tokenVerifier.present(presentedToken));
      return introspectToken(store, caller, presented);
    });
    const body = answerOf(answer);
    leaveTrace(parts, answer, () => originOf(ctx, caller.actor));
    // A bearer has no record that says how it verifies answers, and is no resource server.
    const isSigned = signingKeys && !caller.isBearer && prefers(ctx.req.headers.accept ?? '', signedType);
    if (!isSigned) return respond(ctx, 200, body);
    const signed = await signIntrospection(
      signingKeys,
      authorizationServerIssuer,
      caller,
      narrowed(body, caller),
      now(),
    );
    respondText(ctx, 200, signed, signedType);
  };
}

/** RFC 9701 §5: a resource server is shown only the audience and scopes that concern it. */
function narrowed(body: IntrospectionAnswer, caller: Caller): object {
  const { aud, scope } = body;
  const isOwn = (name: unknown) => name === caller.clientId || caller.audiences.includes(String(name));
  const own = Array.isArray(aud) && aud.some(isOwn) ? aud.filter(isOwn) : aud;
  const scopes = typeof scope === 'string' && caller.scopes ? scope.split(' ') : null;
  const ownScope = scopes?.filter((name) => caller.scopes?.includes(name)).join(' ');
  return { ...body, aud: own, scope: scopes ? ownScope || undefined : scope };
}
