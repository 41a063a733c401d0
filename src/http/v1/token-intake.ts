// One registration of POST /v1/tokens, from what was sent to the item that answers it: its signature is checked, then
// the rules decide. Of many, a bad one fails alone. tokens.ts knows how they came in.
import { isJwt, tokenRef } from '../../domain/claims.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Caller } from '../../domain/records/clients.ts';
import { registerToken } from '../../domain/register/register-token.ts';
import type { Conflict, Registered, Registration } from '../../domain/register/registration.ts';
import type { Store } from '../../domain/store.ts';
import { isCompact } from '../../domain/tokens/jwt-shape.ts';
import {
  KeysUnavailable,
  opaque,
  type TokenVerifier,
  type Verification,
} from '../../domain/tokens/token-verifier.ts';
import { badParameter, Refusal, refusalCodes, render } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';
import type { Failures } from '../failures.ts';
import type { FloodRecorder } from '../flood-recorder.ts';
import { originOf } from '../origin.ts';
import { recordRefusal } from '../refused-requests.ts';
import type { InTurn } from './in-turn.ts';
import { readRegistration } from './token-registration.ts';

export interface IntakeParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly tokenVerifier: TokenVerifier;
  readonly floodRecorder: FloodRecorder;
  readonly failures: Failures;
}

export interface ItemAnswer {
  readonly http_status: number;
  readonly [member: string]: unknown;
}

export class TokenIntake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** @throws Refusal for what is wrong with it. */
  async register(ctx: Context, registrar: Caller, value: unknown): Promise<ItemAnswer> {
    return this.#decide(ctx, registrar, await this.#prepare(registrar, value));
  }

  /** One bad item of many fails alone. An item may replace what one before it registers. */
  async registerItem(
    ctx: Context,
    registrar: Caller,
    turn: InTurn,
    index: number,
    value: unknown,
  ): Promise<ItemAnswer> {
    try {
      if (value instanceof Refusal) throw value;
      const act = (registration: Registration) => this.#decide(ctx, registrar, registration);
      return { index, ...(await turn(this.#prepare(registrar, value), act)) };
    } catch (error) {
      return { index, ...(await this.#refuse(ctx, error)) };
    }
  }

  async #prepare(registrar: Caller, value: unknown): Promise<Registration> {
    const { policy, tokenVerifier } = this.#parts;
    const said = readRegistration(value, registrar, policy);
    const { token, replaces } = value as GivenTokens;
    // For most tokens all is said already: nothing is awaited or copied.
    const isWhole = isJwt(said) && token !== undefined;
    const replacesJwt = replaces !== undefined && isCompact(replaces);
    if (!isWhole && !replacesJwt) return said;
    const [verification, replacesVerification] = await Promise.all([
      isWhole ? verify(tokenVerifier, token) : said.verification,
      replacesJwt ? verifyReplaced(tokenVerifier, replaces) : said.replacesVerification,
    ]);
    return { ...said, verification, replacesVerification };
  }

  async #decide(ctx: Context, registrar: Caller, registration: Registration): Promise<ItemAnswer> {
    const { store, policy } = this.#parts;
    const origin = originOf(ctx, registrar.actor);
    return itemOf(await registerToken(store, policy, registrar.clientId, origin, registration));
  }

  async #refuse(ctx: Context, error: unknown): Promise<ItemAnswer> {
    const { floodRecorder, failures } = this.#parts;
    const refusal = failures.refusalOf(error, ctx);
    const unrecorded = await recordRefusal(floodRecorder, ctx, refusal).then(
      () => undefined,
      (failure) => failures.refusalOf(failure, ctx),
    );
    const { status, body } = render(unrecorded ?? refusal, 'v1');
    return { http_status: status, ...body };
  }
}

interface GivenTokens {
  readonly token?: string;
  readonly replaces?: string;
}

/** Rejects with `KeysUnavailable`: it is then unknown whether the token is active. */
async function verify(tokenVerifier: TokenVerifier, token: string): Promise<Verification> {
  return (await tokenVerifier.present(token, { mayBeForeign: true }))?.verification ?? opaque;
}

/** Without its issuer's keys it is identified by its string. */
async function verifyReplaced(tokenVerifier: TokenVerifier, replaces: string): Promise<Verification> {
  try {
    return await verify(tokenVerifier, replaces);
  } catch (error) {
    if (error instanceof KeysUnavailable) return opaque;
    throw error;
  }
}

function itemOf(outcome: Registered): ItemAnswer {
  switch (outcome.status) {
    case 'registered':
    case 'already_registered': {
      const { token, active, status } = outcome;
      const names = { session_id: token.sessionId ?? undefined, grant_id: token.grantId ?? undefined };
      return {
        http_status: status === 'registered' ? 201 : 200,
        status,
        token_ref: tokenRef(token),
        active,
        ...names,
      };
    }
    case 'conflict':
      throw refusalOfConflict(outcome);
    case 'refused':
      throw badParameter(outcome.parameter, outcome.problem, { isRecorded: true });
    default:
      return outcome satisfies never;
  }
}

/** `errors` holds everything that may be told, `detail` the first few of it. */
const inDetailMax = 5;

function refusalOfConflict({ code, contradictions }: Conflict): Refusal {
  const parameters = contradictions.map(({ parameter, problem }) => ({
    parameter,
    message: `${parameter} ${problem}`,
  }));
  const messages = parameters.slice(0, inDetailMax).map(({ message }) => message);
  return new Refusal(code, messages.join('; ') || refusalCodes[code].title, { parameters, isRecorded: true });
}
