// POST /v1/tokens: issuers register what they hand out; one token, an array, or a stream of lines.
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { isJwt, tokenRef } from '../../domain/claims.ts';
import type { Caller } from '../../domain/clients.ts';
import { KeysUnavailable, type TokenVerifier, type Verification } from '../../domain/known-token.ts';
import type { Policy } from '../../domain/policy.ts';
import { type Registered, type Registration, registerToken } from '../../domain/register-token.ts';
import { type Store, StoreOverloaded } from '../../domain/store.ts';
import { badParameter, Refusal, refusalCodes, render } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { type Context, isOfType } from '../context.ts';
import { refusalOf } from '../errors.ts';
import type { FloodRecorder } from '../flood-recorder.ts';
import { bodyBytesMax, demandPlain } from '../form.ts';
import { parseJson, readJsonOfSize, secretsIn } from '../json.ts';
import type { Overload } from '../overload.ts';
import { recordRefusal } from '../refused-requests.ts';
import { respond } from '../respond.ts';
import { dropChosenNames, originOf, protect } from '../secrecy.ts';
import { bePatient, type PatientBody, requestTimeoutMs } from '../unreadable.ts';
import { type InTurn, inTurn } from './in-turn.ts';
import { ndjsonLines } from './ndjson.ts';
import { readRegistration } from './token-registration.ts';

export interface TokensParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly verifier: TokenVerifier;
  readonly auth: ClientAuth;
  readonly recorder: FloodRecorder;
  readonly overload: Overload;
}

const arrayItemsMax = 1000;
const arrayBytesMax = 1_048_576;
/** Lines of a stream that are registered side by side; they share commits. */
const linesAtOnce = 200;
/** Bytes of answers that wait for a caller that sends all before reading any; beyond it, reading its lines pauses. */
const bytesAhead = 8 * 2 ** 20;
const stalled = `nothing more came for ${requestTimeoutMs / 1000} seconds`;

interface Item {
  readonly http_status: number;
  readonly [member: string]: unknown;
}

export function handleRegisterTokens({ store, policy, verifier, auth, recorder, overload }: TokensParts) {
  const prepare = async (registrar: Caller, value: unknown): Promise<Registration> => {
    const said = readRegistration(value, registrar, policy);
    const { token, replaces } = value as GivenTokens;
    const [verification, isTrusted] = await Promise.all([
      isJwt(said) && token !== undefined ? verify(verifier, token) : opaque,
      said.replacesTokenDigest !== null && replaces !== undefined && isSigned(verifier, replaces),
    ]);
    return { ...said, verification, replacesTokenDigest: isTrusted ? said.replacesTokenDigest : null };
  };

  const register = async (ctx: Context, registrar: Caller, registration: Registration): Promise<Item> => {
    const origin = originOf(ctx, registrar.actor);
    return itemOf(await registerToken(store, policy, registrar.clientId, origin, registration));
  };

  /** A bad item fails alone. An item may replace a token that an earlier item registers. */
  const registerItem = async (
    ctx: Context,
    registrar: Caller,
    turn: InTurn,
    index: number,
    value: unknown,
  ): Promise<Item> => {
    try {
      if (value instanceof Refusal) throw value;
      const act = (registration: Registration) => register(ctx, registrar, registration);
      return { index, ...(await turn(prepare(registrar, value), act)) };
    } catch (error) {
      if (error instanceof StoreOverloaded) overload.note(error.line);
      const refusal = refusalOf(error, ctx);
      const unrecorded = await recordRefusal(recorder, ctx, refusal).then(
        () => undefined,
        (failure) => refusalOf(failure, ctx),
      );
      const { status, body } = render(unrecorded ?? refusal, 'v1');
      return { index, http_status: status, ...body };
    }
  };

  return async function registerTokens(ctx: Context): Promise<void> {
    const registrar = await auth.permitWithin(ctx, 'register');
    const turn = inTurn();
    if (isOfType(ctx, 'application/x-ndjson')) {
      demandPlain(ctx);
      // The caller's request id could be a token in a later line.
      ctx.state.requestId = randomUUID();
      ctx.state.isRead = true;
      ctx.status = 200;
      ctx.set('Content-Type', 'application/x-ndjson');
      const answers = answerLines(bePatient(ctx.req, ctx.res), (index, value) => {
        if (value instanceof Refusal) dropChosenNames(ctx);
        else protect(ctx, secretsIn(value));
        return registerItem(ctx, registrar, turn, index, value);
      });
      ctx.body = Readable.from(answers, { objectMode: false, highWaterMark: bytesAhead });
      return;
    }
    const { value, bytes } = await readJsonOfSize(ctx, arrayBytesMax);
    if (!Array.isArray(value)) {
      if (bytes > bodyBytesMax)
        throw new Refusal('too_large', `a single token is over ${bodyBytesMax} bytes`);
      const { http_status, ...item } = await register(ctx, registrar, await prepare(registrar, value));
      respond(ctx, http_status, item);
      return;
    }
    if (value.length > arrayItemsMax) {
      const message = `an array holds at most ${arrayItemsMax} tokens; send more as application/x-ndjson`;
      throw new Refusal('too_many_items', message);
    }
    const items = await Promise.all(
      value.map((item, index) => registerItem(ctx, registrar, turn, index, item)),
    );
    respond(ctx, 200, { items });
  };
}

/** Answers group by group while the request is still being read: constant memory for any number of lines. */
async function* answerLines(
  body: PatientBody,
  register: (index: number, value: unknown) => Promise<Item>,
): AsyncGenerator<string> {
  let index = 0;
  let group: Promise<Item>[] = [];
  for await (const line of ndjsonLines(body.stream, bodyBytesMax)) {
    group.push(register(index++, parseLine(line)));
    if (group.length < linesAtOnce) continue;
    yield toLines(await Promise.all(group));
    group = [];
  }
  if (body.isStalled) group.push(register(index, new Refusal('invalid_request', stalled)));
  if (group.length > 0) yield toLines(await Promise.all(group));
}

function toLines(items: readonly Item[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

function parseLine(line: Buffer | null): unknown {
  if (line === null) return new Refusal('too_large', `a line is over ${bodyBytesMax} bytes`);
  try {
    return parseJson(line, 'the line');
  } catch (refusal) {
    return refusal;
  }
}

interface GivenTokens {
  readonly token?: string;
  readonly replaces?: string;
}

const opaque: Verification = { kind: 'opaque' };

/** Rejects with `KeysUnavailable`: it is then unknown whether the token is active. */
async function verify(verifier: TokenVerifier, token: string): Promise<Verification> {
  return (await verifier.present(token, { mayBeForeign: true }))?.verification ?? opaque;
}

/**
 * Does `replaces` name a JWT by its signing input? Only if its signature holds; else it is identified by its string.
 */
async function isSigned(verifier: TokenVerifier, replaces: string): Promise<boolean> {
  try {
    return (await verify(verifier, replaces)).kind === 'verified';
  } catch (error) {
    if (error instanceof KeysUnavailable) return false;
    throw error;
  }
}

function itemOf(outcome: Registered): Item {
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
      throw new Refusal(outcome.code, refusalCodes[outcome.code].title, { isRecorded: true });
    case 'refused':
      throw badParameter(outcome.parameter, outcome.problem, { isRecorded: true });
    default:
      return outcome satisfies never;
  }
}
